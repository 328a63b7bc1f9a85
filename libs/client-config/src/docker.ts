// docker mirrors Docker Hub alone; everything else goes by the name of the cache.
import type { ClientSetup } from './client-setup.ts';

export const docker: ClientSetup = ({ cache: { url, host, isPlain, authority }, upstreams }) => [
  {
    path: '/etc/docker/daemon.json',
    content: JSON.stringify(
      { 'registry-mirrors': [url], ...(isPlain && { 'insecure-registries': [host] }) },
      undefined,
      2,
    ),
    note: `Then restart docker. Images of Docker Hub come through the cache; those of other registries by its name: docker pull ${host}/${upstreams.find((name) => name !== 'docker.io') ?? 'quay.io'}/org/app:1`,
  },
  ...(authority === undefined
    ? []
    : [
        {
          path: undefined,
          content: `install -D ${authority} /etc/docker/certs.d/${host}/ca.crt`,
          note: 'The authority of the cache’s certificate.',
        },
      ]),
];
