// containerd, and Kubernetes on it: one file for all registries, told apart by the `?ns=` that containerd adds.
import type { ClientSetup } from './client-setup.ts';

export const containerd: ClientSetup = ({ cache: { url, authority } }) => [
  {
    path: '/etc/containerd/certs.d/_default/hosts.toml',
    content: [
      `[host."${url}"]`,
      '  capabilities = ["pull", "resolve"]',
      ...(authority === undefined ? [] : [`  ca = ${JSON.stringify(authority)}`]),
    ].join('\n'),
    note: 'Read at every pull. In a directory named after a registry, such as docker.io, in place of _default it is for that one alone.',
  },
  {
    path: '/etc/containerd/config.toml',
    content: [
      'version = 3          # containerd 2',
      '[plugins."io.containerd.cri.v1.images".registry]',
      '  config_path = "/etc/containerd/certs.d"',
      '',
      '# containerd 1: version = 2, and the section is [plugins."io.containerd.grpc.v1.cri".registry]',
    ].join('\n'),
    note: 'For Kubernetes, once; then restart containerd. ctr and nerdctl take --hosts-dir /etc/containerd/certs.d.',
  },
];
