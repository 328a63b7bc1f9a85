import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CacheIndex } from '../cache-index.ts';
import type { HistoryRange } from '../nodes.ts';
import { openSqliteIndex } from './open-sqlite-index.ts';

function report(index: CacheIndex, counts: Record<string, number>): Promise<void> {
  return index.nodes.report('one', '', { ttlMs: 1000, counts });
}

async function hits(index: CacheIndex, range: HistoryRange) {
  return (await index.nodes.history(range)).map((bucket) => bucket.counts['hits']);
}

test('counts of nodes and their history survive a restart, and old buckets are removed', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-sqlite-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const open = async () => {
    const index = await openSqliteIndex({ path: join(directory, 'index.sqlite'), now: () => nowMs, log: console });
    t.after(() => index.close());
    return index;
  };
  let nowMs = 1_700_000_000_000;
  const before = await open();
  await report(before, { hits: 2, bytes: 5_000_000_000_000 });
  await before.close();
  nowMs += 3_600_000;
  const after = await open();
  await report(after, { hits: 1 });
  const { counts, countedSinceMs } = await after.nodes.read();
  assert.deepEqual(counts, { hits: 3, bytes: 5_000_000_000_000 });
  assert.equal(countedSinceMs, 1_700_000_000_000);
  assert.deepEqual(
    [await hits(after, '24h'), await hits(after, '30d')],
    [
      [2, 1],
      [2, 1],
    ],
  );
  nowMs += 24 * 3_600_000 - 600_000;
  await report(after, { hits: 4 });
  await after.close();
  const last = await open();
  assert.deepEqual(
    [await hits(last, '24h'), await hits(last, '30d')],
    [
      [1, 4],
      [2, 1, 4],
    ],
  );
  nowMs += 31 * 24 * 3_600_000;
  assert.deepEqual([await hits(last, '24h'), await hits(last, '30d')], [[], []]);
});
