// Starts a test cluster in the middle of a fill. The upstream has sent half of a blob to `worker-1`.
import type { TestContext } from 'node:test';
import { repositoryOf } from '@cistern/index/testing';
import { type TestClusterOptions, startTestCluster } from './start-test-cluster.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf } from '@cistern/oci/testing';

/** The number of bytes of each reader for which `readersHaveSome` waits. */
const someBytes = 1024 * 1024;

export const library = repositoryOf('docker.io', 'library/nginx');

/**
 * Starts the cluster. `hub.allow` lets the upstream continue. The index has the size of the blob, as from a manifest. `read`
 * opens the blob at the frontend with the given number.
 */
export async function startHalfway(t: TestContext, options: TestClusterOptions & { readonly size?: number } = {}) {
  const { size = 16 * 1024 * 1024 } = options;
  const cluster = await startTestCluster(t, options);
  const { hub, index, frontends } = cluster;
  const bytes = bytesOf(size);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size, mediaType: 'layer' }]);
  hub.script.gated = true;
  hub.allow(size / 2);
  const upstreamBytes = () => hub.gets.reduce((sum, { sent }) => sum + sent, 0);
  const readers: { readonly wantedBytes: number; bytes: number }[] = [];
  const readersHaveSome = () => until(() => readers.every(({ wantedBytes, bytes: read }) => read >= wantedBytes));
  return {
    ...cluster,
    bytes,
    digest,
    size,
    upstreamBytes,
    /** Returns the number of bytes from the upstream, divided by the blob's size. */
    upstreamShare: () => upstreamBytes() / size,
    async read(frontend: number, range?: { readonly start: number; readonly end: number }) {
      const { cache } = frontends[frontend]!;
      const reader = { wantedBytes: Math.min(someBytes, size / 2 - (range?.start ?? 0)), bytes: 0 };
      readers.push(reader);
      const blob = await cache.openBlob({ ...library, digest, intent: range === undefined ? 'whole' : 'ranges' });
      const stream = await blob.read(range);
      return {
        ...stream,
        async next() {
          const chunk = await stream.next();
          reader.bytes += chunk?.length ?? 0;
          return chunk;
        },
      };
    },
    /** Resolves when all readers have read some bytes. Readers must start within the first half. */
    readersHaveSome,
    /** Resolves when the upstream has sent the first half, and all readers have read some bytes. */
    async halfway() {
      await until(() => upstreamBytes() === size / 2);
      await readersHaveSome();
    },
    async nothingLeft() {
      await until(() => cluster.workers.every(({ fills, spools }) => fills.size === 0 && spools.usedBytes === 0));
      await until(() => cluster.frontends.every(({ reads, pool }) => reads.windows === 0 && pool.usedBytes === 0));
      await until(() => cluster.shared.pubsub.subscribed === 0);
    },
  };
}
