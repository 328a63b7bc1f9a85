// Compares the index's records of stored blobs with the blobs in the store.
import assert from 'node:assert/strict';
import type { BlobRecord, CacheIndex } from '@cistern/index';

/**
 * `blobs` returns bytes by digest. Rejects if there is an object without a record, a record without an object, or a
 * wrong total.
 */
export async function assertRecount(
  index: CacheIndex,
  blobs: () => Promise<ReadonlyMap<string, number>>,
): Promise<void> {
  const records = new Map<string, BlobRecord>();
  for await (const listed of index.blobs.shards(0))
    for (const record of listed.records) records.set(record.digest, record);
  const stored = await blobs();
  const missing = [...records.values()].filter(({ digest, size }) => stored.get(digest) !== size);
  assert.deepEqual(missing, [], 'records without their objects');
  const orphans = [...stored].filter(([digest]) => !records.has(digest));
  assert.deepEqual(orphans, [], 'objects without a record');
  const bytes = [...stored.values()].reduce((sum, size) => sum + size, 0);
  assert.deepEqual(await index.blobs.totals(), { blobs: stored.size, bytes });
}
