import type { LoginClient } from './src/clients/client.ts';
import { hostsToml, openContainerd } from './src/clients/containerd.ts';
import { openPodman } from './src/clients/containers-storage.ts';
import { openDocker } from './src/clients/docker.ts';
import { openSkopeo } from './src/clients/skopeo.ts';
import { describePrivate } from './src/describe-private.ts';
import type { Rig } from './src/open-rig.ts';

const byName = {
  nameOf: ({ cache }: Rig, repository: string) => `${cache}/docker.io/${repository}`,
  sharedNameOf: ({ cache }: Rig, repository: string) => `${cache}/quay.io/${repository}`,
};

const login = (client: LoginClient, { cache }: Rig, user: string, password: string) =>
  client.login(cache, user, password);

const refusal = /unauthorized|401|authentication required|denied/i;

describePrivate({
  name: 'skopeo',
  packages: ['skopeo'],
  open: ({ cache }) => openSkopeo(cache, []),
  login,
  ...byName,
  refusal,
});

describePrivate({
  name: 'podman',
  packages: ['podman', 'runc'],
  open: ({ cache }) => openPodman({ cache, mirrored: [] }),
  login,
  ...byName,
  refusal,
});

for (const store of ['graph-driver', 'containerd'] as const) {
  const packages = ['docker.io', 'docker-cli', 'docker-buildx'];
  describePrivate({
    name: `docker, ${store} store, by name`,
    packages,
    open: ({ cache }) => openDocker({ mirror: `http://${cache}`, store }),
    login,
    ...byName,
    refusal,
  });
}

// The client is logged in to Docker Hub. After a rejection by the mirror it shows the error of Docker Hub, which is
// unreachable.
describePrivate({
  name: 'docker, graph-driver store, as a mirror of Docker Hub',
  packages: ['docker.io', 'docker-cli', 'docker-buildx'],
  open: ({ cache }) => openDocker({ mirror: `http://${cache}`, store: 'graph-driver' }),
  login: (client, _rig, user, password) => client.loginToHub(user, password),
  nameOf: (_rig, repository) => repository,
  refusal: /registry-1\.docker\.io/,
});

describePrivate({
  name: 'containerd',
  packages: ['containerd', 'runc'],
  open: ({ cache }) => openContainerd({ _default: hostsToml(`http://${cache}`) }),
  login,
  nameOf: (_rig, repository) => `docker.io/${repository}`,
  sharedNameOf: (_rig, repository) => `quay.io/${repository}`,
  refusal,
});
