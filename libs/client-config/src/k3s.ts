// k3s and RKE2, which write containerd's files themselves.
import type { ClientSetup } from './client-setup.ts';

export const k3s: ClientSetup = ({ cache: { url, host, authority }, upstreams }) => [
  {
    path: '/etc/rancher/k3s/registries.yaml',
    content: [
      'mirrors:',
      ...upstreams.flatMap((name) => [`  "${name}":`, `    endpoint: ["${url}"]`]),
      ...(authority === undefined
        ? []
        : ['configs:', `  "${host}":`, '    tls:', `      ca_file: ${JSON.stringify(authority)}`]),
    ].join('\n'),
    note: 'On every node, then restart k3s. RKE2 reads /etc/rancher/rke2/registries.yaml.',
  },
];
