import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { openPodman } from './src/clients/containers-storage.ts';
import { describeClient } from './src/describe-client.ts';
import { testTag, upstreamNames } from './src/test-images.ts';

const packages = ['podman', 'runc'];

describeClient(
  {
    name: 'podman, with mirrors in registries.conf',
    packages,
    open: ({ cache }) => openPodman({ cache, mirrored: upstreamNames }),
    nameOf: (_rig, upstream, repository) => `${upstream}/${repository}`,
  },
  (opened) => {
    test('runs each upstream’s own image of the same name', async () => {
      const { client } = opened();
      for (const upstream of upstreamNames) {
        const reference = `${upstream}/library/shell:${testTag}`;
        await client.pull(reference);
        assert.equal(await client.run(reference, ['cat', '/etc/origin']), `${upstream} amd64\n`);
      }
    });
  },
);

describeClient(
  {
    name: 'podman, by the name of the cache, with partial pulls',
    packages,
    open: ({ cache }) => openPodman({ cache, mirrored: [], partialPulls: true }),
    nameOf: ({ cache }, upstream, repository) => `${cache}/${upstream}/${repository}`,
    repositories: ['library/zstd-chunked', 'library/shell', 'library/multi'],
  },
  (opened) => {
    test('pulls parts of a zstd:chunked layer', async () => {
      const { rig } = opened();
      await rig.settled();
      const parts = rig.cacheRequests().filter(({ status }) => status === 206);
      assert.ok(parts.length > 0, 'podman requested only whole layers');
    });
  },
);
