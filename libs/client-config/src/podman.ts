// podman, buildah, skopeo and CRI-O: a pair of tables for each registry.
import { type ClientSetup, namedByPath } from './client-setup.ts';

export const podman: ClientSetup = ({ cache: { host, isPlain, authority }, upstreams }) => [
  {
    path: '/etc/containers/registries.conf.d/cistern.conf',
    content: namedByPath(upstreams)
      .map((name) =>
        [
          '[[registry]]',
          `location = "${name}"`,
          '[[registry.mirror]]',
          `location = "${host}/${name}"`,
          ...(isPlain ? ['insecure = true'] : []),
        ].join('\n'),
      )
      .join('\n\n'),
    note: 'Read at every pull; restart CRI-O.',
  },
  ...(authority === undefined
    ? []
    : [
        {
          path: undefined,
          content: `install -D ${authority} /etc/containers/certs.d/${host}/ca.crt`,
          note: 'The authority of the cache’s certificate.',
        },
      ]),
];
