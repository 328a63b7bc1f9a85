import { hostsToml, openContainerd } from './src/clients/containerd.ts';
import { openPodman } from './src/clients/containers-storage.ts';
import { openDocker } from './src/clients/docker.ts';
import { openSkopeo } from './src/clients/skopeo.ts';
import { describeAccess } from './src/describe-access.ts';
import type { Rig } from './src/open-rig.ts';

const byName = ({ cache }: Rig, repository: string) => `${cache}/docker.io/${repository}`;

const invalid = /logging into \\?"127\.0\.0\.1:\d+\\?": invalid username\/password/;
const logIn = /unauthorized: This cache requires authentication: log in to it\./;
const noCredentials = /no basic auth credentials/;
const refusedToken = (kind: string) =>
  new RegExp(
    `failed to fetch ${kind} token: unexpected status from GET request to http://\\S+/token\\S*: 401 Unauthorized`,
  );

describeAccess({
  name: 'skopeo',
  packages: ['skopeo'],
  open: ({ cache }) => openSkopeo(cache, []),
  nameOf: byName,
  messages: { passwords: { toWrong: invalid, withoutLogin: logIn }, tokens: { toWrong: invalid, withoutLogin: logIn } },
});

describeAccess({
  name: 'podman',
  packages: ['podman', 'runc'],
  open: ({ cache }) => openPodman({ cache, mirrored: [] }),
  nameOf: byName,
  messages: { passwords: { toWrong: invalid, withoutLogin: logIn }, tokens: { toWrong: invalid, withoutLogin: logIn } },
});

for (const store of ['graph-driver', 'containerd'] as const)
  describeAccess({
    name: `docker, ${store} store`,
    packages: ['docker.io', 'docker-cli', 'docker-buildx'],
    open: ({ cache }) => openDocker({ mirror: `http://${cache}`, store }),
    nameOf: byName,
    messages: {
      passwords: {
        toWrong: /login attempt to http:\/\/127\.0\.0\.1:\d+\/v2\/ failed with status: 401 Unauthorized/,
        withoutLogin: noCredentials,
      },
      tokens: {
        toWrong: /unauthorized: The user name or the password is wrong\./,
        toJob: /unauthorized: The token of this job gives no access to this cache\./,
        withoutLogin: store === 'containerd' ? refusedToken('anonymous') : logIn,
      },
    },
  });

describeAccess({
  name: 'containerd',
  packages: ['containerd', 'runc'],
  open: ({ cache }) => openContainerd({ _default: hostsToml(`http://${cache}`) }),
  nameOf: (_rig, repository) => `docker.io/${repository}`,
  messages: {
    passwords: {
      toWrong: /unexpected status from HEAD request to http:\S+: 401 Unauthorized/,
      withoutLogin: noCredentials,
    },
    tokens: { toWrong: refusedToken('oauth'), withoutLogin: refusedToken('anonymous') },
  },
});
