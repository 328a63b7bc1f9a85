// Operations on blobs and manifests. Touches are buffered in memory; a walk through the blobs writes them.
import { isDeepStrictEqual } from 'node:util';
import type { BlobRecord, CacheIndex } from '@cistern/index';
import { digestHex } from '@cistern/oci';
import fc from 'fast-check';
import { operation, type Operations } from './operation.ts';
import { digest, digests, mediaType, size, time } from './samples.ts';

/** Positions of shards. The middle ones have blobs. */
const positions = [0, ...digests.map((one) => Number.parseInt(digestHex(one).slice(0, 2), 16)), 255];

/** Some tables fit the size of their blob. */
const crcTable = fc.record({
  segmentBytes: fc.constantFrom(1, 16 * 1024 * 1024),
  crcs: fc.array(fc.nat(0xff_ff_ff_ff), { minLength: 1, maxLength: 3 }),
});

export const blobRecord: fc.Arbitrary<BlobRecord> = fc
  .record({
    digest,
    size,
    state: fc.constantFrom('present' as const, 'deleting' as const),
    verified: fc.boolean(),
    storedAtMs: time,
    lastPulledAtMs: time,
    table: fc.option(crcTable, { nil: undefined }),
  })
  .map(({ table, ...fields }) => ({ schema: 1, ...fields, ...(table !== undefined && { table }) }));

export const blobOperations: Operations = {
  'blobs.get': operation([digest], ({ index }, of) => index.blobs.get(of)),
  'blobs.put': operation([blobRecord], ({ index }, put) => index.blobs.put(put), 4),
  'blobs.adopt': operation([blobRecord], ({ index }, adopted) => index.blobs.adopt(adopted)),
  'blobs.markVerified': operation([digest, fc.option(crcTable, { nil: undefined })], ({ index }, of, table) =>
    index.blobs.markVerified(of, table),
  ),
  'blobs.touch': operation([digest, time], ({ index }, of, atMs) => index.blobs.touch(of, atMs), 4),
  'blobs.remove': operation([digest, fc.constantFrom(undefined, 1000, 2000.5)], ({ index }, of, storedAtMs) =>
    index.blobs.remove(of, storedAtMs),
  ),
  'blobs.leastRecent': operation([], ({ index }) => walk(index), 1),
  'blobs.shards': operation([fc.constantFrom(...positions)], ({ index }, first) => listShards(index, first), 1),
  'blobs.totals': operation([], ({ index }) => index.blobs.totals(), 1),
  'blobs.fromMemory': operation([digest], async ({ index }, of) => {
    const read = await index.blobs.get(of);
    const remembered = index.blobs.fromMemory(of);
    return remembered === undefined || isDeepStrictEqual(remembered, read);
  }),
  'manifests.get': operation([digest], ({ index }, of) => index.manifests.get(of), 1),
  'manifests.put': operation(
    [fc.record({ schema: fc.constant(1 as const), digest, mediaType, size, storedAtMs: time })],
    ({ index }, put) => index.manifests.put(put),
  ),
  'manifests.remove': operation([digest], ({ index }, of) => index.manifests.remove(of), 1),
};

/** Walks through all blobs. Blobs of the same time have no defined order. */
export async function walk({ blobs }: CacheIndex): Promise<unknown> {
  const records = await Array.fromAsync(blobs.leastRecent());
  const times = records.map(({ lastPulledAtMs }) => lastPulledAtMs);
  return { isInOrder: isDeepStrictEqual(times, times.toSorted(ascending)), records: records.toSorted(byDigest) };
}

/** Returns the shards from position `first` on that have records. */
export async function listShards({ blobs }: CacheIndex, first: number): Promise<unknown> {
  const listed = await Array.fromAsync(blobs.shards(first));
  const found = listed.map(({ shard, records }) => [shard, records.toSorted(byDigest)] as const);
  return found.filter(([, records]) => records.length > 0);
}

const ascending = (one: number, other: number) => one - other;
const byDigest = (one: BlobRecord, other: BlobRecord) => (one.digest < other.digest ? -1 : 1);
