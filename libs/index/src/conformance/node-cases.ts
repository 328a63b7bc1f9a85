// Cases of node reports, which expire by the clock of the index, and of the sums of their counts.
import assert from 'node:assert/strict';
import { type NodesSeen, workerTtlMs } from '../nodes.ts';
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
    assert.deepEqual(await nodes.read(), { nodes: [], counts: {}, countedSinceMs: undefined });
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
    const { countedSinceMs, ...seen } = await nodes.read();
    assert.deepEqual(seen, { nodes: [], counts: { hits: 3, misses: 4, bytes: 5_000_000_000_001 } });
    assert.ok(countedSinceMs !== undefined && Math.abs(countedSinceMs - startedAtMs) < minute);
  },
};
