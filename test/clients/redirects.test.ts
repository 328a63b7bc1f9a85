// Tests that each kind of client follows redirects to the store for blobs.
import { hostsToml, openContainerd } from './src/clients/containerd.ts';
import { openPodman } from './src/clients/containers-storage.ts';
import { openDocker } from './src/clients/docker.ts';
import { openSkopeo } from './src/clients/skopeo.ts';
import { describeClient } from './src/describe-client.ts';
import { openRedirectingStorage } from './src/open-redirecting-storage.ts';
import { type UpstreamName, upstreamNames } from './src/test-images.ts';

const suite = {
  openStorage: openRedirectingStorage,
  repositories: ['library/multi'],
  redirected: true,
  nameOf: (_rig: unknown, upstream: UpstreamName, repository: string) => `${upstream}/${repository}`,
};

describeClient({
  ...suite,
  name: 'skopeo, redirected',
  packages: ['skopeo'],
  open: ({ cache }) => openSkopeo(cache, upstreamNames),
});

describeClient({
  ...suite,
  name: 'containerd, redirected',
  packages: ['containerd', 'runc'],
  open: ({ cache }) => openContainerd({ _default: hostsToml(`http://${cache}`) }),
});

describeClient({
  ...suite,
  name: 'podman, redirected',
  packages: ['podman', 'runc'],
  open: ({ cache }) => openPodman({ cache, mirrored: upstreamNames }),
});

describeClient({
  ...suite,
  name: 'docker, graph driver store, redirected',
  packages: ['docker.io', 'docker-cli', 'docker-buildx'],
  open: ({ cache }) => openDocker({ mirror: `http://${cache}`, store: 'graph-driver' }),
  nameOf: ({ cache }, upstream, repository) =>
    upstream === 'docker.io' ? `docker.io/${repository}` : `${cache}/${upstream}/${repository}`,
});
