// Other files fill the disk of an index to the last byte. Eviction writes to the index before it frees space.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { BlobRecord, CacheIndex } from '@cistern/index';
import { openSqliteIndex } from '@cistern/index/sqlite';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { freeBytesOf, mountSmallDisk } from '../src/mount-small-disk.ts';

async function openSmallIndex(t: TestContext) {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  const { directory, unmount } = await mountSmallDisk(20);
  const logged: string[] = [];
  const log = (_fields: object, message: string) => void logged.push(message);
  const path = join(directory, 'index.sqlite');
  const index = await openSqliteIndex({ path, now: () => 1, log: { warn: log, error: log } });
  t.after(async () => {
    await index.close();
    await unmount();
  });
  const ballast = join(directory, 'ballast');
  return {
    index,
    logged,
    fill: async () => writeFile(ballast, Buffer.alloc(await freeBytesOf(directory))).catch(() => {}),
    empty: () => rm(ballast),
    freeBytes: () => freeBytesOf(directory),
  };
}

/** Batch size of eviction. */
const batchSize = 1_000;

function recordOf(name: string, at: number): BlobRecord {
  const digest = digestOf(Buffer.from(`${name} ${at}`));
  return { schema: 1, digest, size: 1, state: 'present', verified: true, storedAtMs: 1, lastPulledAtMs: at };
}

async function evictAll(index: CacheIndex): Promise<number> {
  const victims = await Array.fromAsync(index.blobs.leastRecent());
  let removed = 0;
  // Deletes like the evictor.
  for (let at = 0; at < victims.length; at += batchSize) {
    const begun = await index.fills.beginDeletions(victims.slice(at, at + batchSize), 'evictor', 600_000);
    removed += (await index.fills.endDeletions(begun, 'evictor', 'gone')).length;
  }
  return removed;
}

test('an index on a disk that is full to the last byte can remove all its records', async (t) => {
  const { index, fill, freeBytes } = await openSmallIndex(t);
  // So few records that they are only in the write-ahead log.
  for (let at = 0; at < 400; at += 1) await index.blobs.put(recordOf('stored', at));
  await fill();
  assert.equal(await freeBytes(), 0);
  assert.equal(await evictAll(index), 400);
});

test('an index on a full disk rejects records that do not fit, still evicts, and accepts them when there is space', async (t) => {
  const { index, logged, fill, empty } = await openSmallIndex(t);
  // More records than its initial reserve holds.
  for (let at = 0; at < 6000; at += 1) await index.blobs.put(recordOf('stored', at));
  await fill();
  const putMany = async () => {
    for (let at = 0; at < 10_000; at += 1) await index.blobs.put(recordOf('more', at));
  };
  await assert.rejects(
    putMany(),
    (error) => isCacheError(error, 'index-unavailable') && /is full; /.test(error.message),
  );
  t.mock.timers.tick(5000);
  assert.deepEqual(logged, ['index file cannot grow; free disk space']);
  assert.ok((await evictAll(index)) > 6000);
  await empty();
  t.mock.timers.tick(1000);
  await putMany();
  assert.equal(logged.length, 1);
});
