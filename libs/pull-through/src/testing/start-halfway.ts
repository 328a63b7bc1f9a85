// A test cluster in the middle of a fill: upstream has sent half of a blob to `worker-1`.
import type { TestContext } from 'node:test';
import { repositoryOf } from './start-test-cache.ts';
import { type TestClusterOptions, startTestCluster } from './start-test-cluster.ts';
import { bytesOf, until } from './test-bytes.ts';

export const library = repositoryOf('docker.io', 'library/nginx');

/** Upstream goes on by `hub.allow`; a manifest names the blob. `read` opens it at a frontend, by its place in the list. */
export async function startHalfway(t: TestContext, options: TestClusterOptions & { readonly size?: number } = {}) {
  const { size = 24 * 1024 * 1024 } = options;
  const cluster = await startTestCluster(t, options);
  const { hub, index, frontends } = cluster;
  const bytes = bytesOf(size);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size, mediaType: 'layer' }]);
  hub.script.gated = true;
  hub.allow(size / 2);
  const upstreamBytes = () => hub.gets.reduce((sum, { sent }) => sum + sent, 0);
  return {
    ...cluster,
    bytes,
    digest,
    size,
    upstreamBytes,
    /** Of the blob, have come from upstream. */
    upstreamShare: () => upstreamBytes() / size,
    async read(frontend: number, range?: { readonly start: number; readonly end: number }) {
      const { cache } = frontends[frontend]!;
      const blob = await cache.openBlob({ ...library, digest, intent: range === undefined ? 'whole' : 'ranges' });
      return blob.read(range);
    },
    /** Upstream has sent its half, and who reads has it. */
    async halfway() {
      await until(() => upstreamBytes() === size / 2);
      await new Promise((resolve) => setTimeout(resolve, 100));
    },
    async nothingLeft() {
      await until(() => cluster.workers.every(({ fills, spools }) => fills.size === 0 && spools.usedBytes === 0));
      await until(() => cluster.frontends.every(({ reads, pool }) => reads.windows === 0 && pool.usedBytes === 0));
      await until(() => cluster.shared.announcements.subscribed === 0);
    },
  };
}
