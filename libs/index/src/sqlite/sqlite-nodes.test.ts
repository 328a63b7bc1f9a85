import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CacheIndex } from '../cache-index.ts';
import type { HistoryRange } from '../nodes.ts';
import { openSqliteIndex } from './open-sqlite-index.ts';

const [minute, hour] = [60_000, 3_600_000];
const startMs = 1_700_000_000_000;

function report({ nodes }: CacheIndex, counts: Record<string, number>): Promise<void> {
  return nodes.report('one', '', { ttlMs: 1000, counts });
}

async function hits({ nodes }: CacheIndex, range: HistoryRange): Promise<unknown[]> {
  return (await nodes.history(range)).map(({ counts }) => counts['hits']);
}

test('counts of nodes and their history survive a restart, and old buckets are removed', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'cistern-nodes-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  let nowMs = startMs;
  const open = async () => {
    const index = await openSqliteIndex({ path: join(directory, 'index.sqlite'), now: () => nowMs, log: console });
    t.after(() => index.close());
    return index;
  };
  const before = await open();
  await report(before, { hits: 2, bytes: 5_000_000_000_000 });
  await before.close();
  nowMs += hour;
  const after = await open();
  await report(after, { hits: 1 });
  const { counts, countedSinceMs } = await after.nodes.read();
  assert.deepEqual(counts, { hits: 3, bytes: 5_000_000_000_000 });
  assert.equal(countedSinceMs, startMs);
  assert.deepEqual(
    [await hits(after, '24h'), await hits(after, '30d')],
    [
      [2, 1],
      [2, 1],
    ],
  );
  nowMs += 24 * hour - 10 * minute;
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
  nowMs += 31 * 24 * hour;
  assert.deepEqual([await hits(last, '24h'), await hits(last, '30d')], [[], []]);
});
