// Cases of node reports, which expire by the clock of the index, and of the sums of their counts.
import assert from 'node:assert/strict';
import { historyRanges, type NodesSeen, workerTtlMs } from '../nodes.ts';
import type { CacheIndexCases } from './index-under-test.ts';

const minute = 60_000;

function reportsOf({ nodes }: NodesSeen): (readonly [string, string])[] {
  return nodes.map(({ id, report }) => [id, report] as const).toSorted(([one], [other]) => (one < other ? -1 : 1));
}

export const nodeCases: CacheIndexCases = {
  async "read returns a node's last report until the node leaves or its report expires"({
    index: { nodes },
    now,
    advance,
  }) {
    assert.deepEqual(await nodes.read(), { nodes: [], ended: [], counts: {}, countedSinceMs: undefined });
    await nodes.report('one', 'first words', { ttlMs: minute, counts: {} });
    await nodes.report('one', '{"name":"a b\\n"}', { ttlMs: minute, counts: {} });
    await nodes.report('two', '', { ttlMs: minute, counts: {} });
    await nodes.report('killed', 'x', { ttlMs: 200, counts: {} });
    const seen = await nodes.read();
    assert.ok(seen.nodes.every(({ seenAtMs }) => Math.abs(seenAtMs - now()) < minute));
    assert.deepEqual(reportsOf(seen).slice(-2), [
      ['one', '{"name":"a b\\n"}'],
      ['two', ''],
    ]);
    await advance(300);
    assert.deepEqual(reportsOf(await nodes.read()), [
      ['one', '{"name":"a b\\n"}'],
      ['two', ''],
    ]);
    await nodes.leave('one', {});
    await nodes.leave('unknown', {});
    assert.deepEqual(reportsOf(await nodes.read()), [['two', '']]);
    await nodes.report('killed', 'back', { ttlMs: minute, counts: {} });
    assert.deepEqual(reportsOf(await nodes.read()), [
      ['killed', 'back'],
      ['two', ''],
    ]);
  },

  async 'workers are counted until they leave or do not report for nine seconds'({ index: { nodes }, advance }) {
    assert.equal(await nodes.countWorkers(), undefined);
    await nodes.report('frontend', '', { ttlMs: minute, counts: {} });
    // The number is unknown, because workers may not have reported yet.
    assert.equal(await nodes.countWorkers(), undefined);
    await nodes.report('early', '', { ttlMs: minute, counts: {}, isWorker: true });
    assert.equal(await nodes.countWorkers(), 1);
    await advance(workerTtlMs + 100);
    assert.equal(await nodes.countWorkers(), 0);
    await nodes.report('worker', '', { ttlMs: minute, counts: {}, isWorker: true });
    await nodes.report('other', '', { ttlMs: minute, counts: {}, isWorker: true });
    await nodes.report('other', '', { ttlMs: minute, counts: {}, isWorker: true });
    assert.equal(await nodes.countWorkers(), 2);
    await nodes.leave('worker', {});
    assert.equal(await nodes.countWorkers(), 1);
  },

  async 'the counts of nodes are added up, and stay after a node has left'({ index: { nodes }, now, advance }) {
    const startedAtMs = now();
    await nodes.report('one', '', { ttlMs: 200, counts: { hits: 2, bytes: 5_000_000_000_000 } });
    await nodes.report('two', '', { ttlMs: minute, counts: { hits: 1, misses: 1 } });
    await advance(300);
    await nodes.report('two', '', { ttlMs: minute, counts: { bytes: 1 } });
    await nodes.leave('two', { misses: 3 });
    const { countedSinceMs, ended, ...seen } = await nodes.read();
    assert.equal(ended.length, 2);
    assert.deepEqual(seen, { nodes: [], counts: { hits: 3, misses: 4, bytes: 5_000_000_000_001 } });
    assert.ok(countedSinceMs !== undefined && Math.abs(countedSinceMs - startedAtMs) < minute);
  },

  async 'a node that has ended is kept with its last report, as stopped or as lost'({
    index: { nodes },
    now,
    advance,
  }) {
    await nodes.report('lost', 'last words', { ttlMs: 200, counts: {} });
    await nodes.report('stopped', '{"a": "b c"}', { ttlMs: minute, counts: {} });
    await nodes.leave('stopped', {});
    await nodes.leave('unknown', {});
    await advance(300);
    const { nodes: live, ended } = await nodes.read();
    assert.deepEqual(live, []);
    assert.ok(ended.every(({ seenAtMs }) => Math.abs(seenAtMs - now()) < minute));
    assert.deepEqual(ended.map(({ id, report, state }) => [id, report, state].join(' ')).toSorted(), [
      'lost last words lost',
      'stopped {"a": "b c"} stopped',
    ]);
    await nodes.report('lost', 'back', { ttlMs: minute, counts: {} });
    await nodes.report('stopped', 'again', { ttlMs: minute, counts: {} });
    assert.deepEqual((await nodes.read()).ended, []);
  },

  async 'the history has the sums of counts by time, for each range'({ index: { nodes }, now }) {
    for (const range of ['24h', '30d'] as const) assert.deepEqual(await nodes.history(range), []);
    const startedAtMs = now();
    await nodes.report('one', '', { ttlMs: minute, counts: { hits: 2, 'ttfb 0.1': 1 } });
    await nodes.report('two', '', { ttlMs: minute, counts: { hits: 1, bytes: 5_000_000_000_000 } });
    await nodes.report('two', '', { ttlMs: minute, counts: {} });
    await nodes.leave('two', { bytes: 1 });
    for (const range of ['24h', '30d'] as const) {
      const buckets = await nodes.history(range);
      const { bucketMs } = historyRanges[range];
      assert.ok(buckets.every(({ atMs }) => atMs % bucketMs === 0 && Math.abs(atMs - startedAtMs) < bucketMs + minute));
      const sums: Record<string, number> = {};
      for (const { counts } of buckets)
        for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
      assert.deepEqual(sums, { hits: 3, 'ttfb 0.1': 1, bytes: 5_000_000_000_001 });
    }
  },
};
