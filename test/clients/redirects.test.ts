// Clients that are sent to the store for the blobs: each kind of them follows.
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { hostsToml, openContainerd } from './src/clients/containerd.ts';
import { openPodman } from './src/clients/containers-storage.ts';
import { openDocker } from './src/clients/docker.ts';
import { openSkopeo } from './src/clients/skopeo.ts';
import { type OpenedClient, describeClient } from './src/describe-client.ts';
import type { Client } from './src/clients/client.ts';
import { openRedirectingStorage } from './src/open-redirecting-storage.ts';
import { contentGets } from './src/request-log.ts';
import { type UpstreamName, upstreamNames } from './src/test-images.ts';

const suite = {
  openStorage: openRedirectingStorage,
  repositories: ['library/multi'],
  nameOf: (_rig: unknown, upstream: UpstreamName, repository: string) => `${upstream}/${repository}`,
};

describeClient(
  { ...suite, name: 'skopeo, redirected', packages: ['skopeo'], open: ({ cache }) => openSkopeo(cache, upstreamNames) },
  wasRedirected,
);

describeClient(
  {
    ...suite,
    name: 'containerd, redirected',
    packages: ['containerd', 'runc'],
    open: ({ cache }) => openContainerd({ _default: hostsToml(`http://${cache}`) }),
  },
  wasRedirected,
);

describeClient(
  {
    ...suite,
    name: 'podman, redirected',
    packages: ['podman', 'runc'],
    open: ({ cache }) => openPodman({ cache, mirrored: upstreamNames }),
  },
  wasRedirected,
);

describeClient(
  {
    ...suite,
    name: 'docker, graph driver store, redirected',
    packages: ['docker.io', 'docker-cli', 'docker-buildx'],
    open: ({ cache }) => openDocker({ mirror: `http://${cache}`, store: 'graph-driver' }),
    nameOf: ({ cache }, upstream, repository) =>
      upstream === 'docker.io' ? `docker.io/${repository}` : `${cache}/${upstream}/${repository}`,
  },
  wasRedirected,
);

function wasRedirected(opened: () => OpenedClient<Client>): void {
  test('every warm blob came from the store', () => {
    const blobs = contentGets(opened().rig.cacheRequests()).filter(({ path }) => path.includes('/blobs/'));
    const seen = new Set<string>();
    const again = blobs.filter(({ path }) => seen.has(path) || !seen.add(path));
    assert.ok(again.length > 0);
    assert.deepEqual([...new Set(again.map(({ status }) => status))], [307]);
  });
}
