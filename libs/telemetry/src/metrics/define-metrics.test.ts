import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { counter, defineMetrics, gauge, histogram } from './define-metrics.ts';

const table = {
  pulls: counter('pulls_total', 'Pulls.', { upstream: 'upstreams', result: ['hit', 'miss'] }),
  denied: counter('denied_total', 'Denied.', { user: 'any', reason: ['rule', 'limit'] }),
  moves: counter('moves_total', 'Moves.', { from: 'any', to: ['a', 'b'] }, { starts: [{ from: 'c', to: 'b' }] }),
  blobs: gauge('blobs', 'Blobs.', {}, { value: Number.NaN }),
  below: {
    wait: histogram('wait_seconds', 'Wait.', { lane: ['fast'] }, { buckets: [1] }),
    quiet: histogram('quiet_seconds', 'Quiet.', { lane: ['fast'] }, { buckets: [1], starts: [] }),
  },
};

function define(registry = new Registry()) {
  const starters: ((upstreams: readonly string[]) => void)[] = [];
  const metrics = defineMetrics(table, { registry, starters });
  for (const start of starters) start(['docker.io', 'ghcr.io']);
  return metrics;
}

test('series start if the values of all labels are known, or if the entry lists them', async () => {
  const registry = new Registry();
  define(registry);
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  assert.deepEqual(lines, [
    'pulls_total{upstream="docker.io",result="hit"} 0',
    'pulls_total{upstream="docker.io",result="miss"} 0',
    'pulls_total{upstream="ghcr.io",result="hit"} 0',
    'pulls_total{upstream="ghcr.io",result="miss"} 0',
    'moves_total{from="c",to="b"} 0',
    'blobs Nan',
    'wait_seconds_bucket{le="1",lane="fast"} 0',
    'wait_seconds_bucket{le="+Inf",lane="fast"} 0',
    'wait_seconds_sum{lane="fast"} 0',
    'wait_seconds_count{lane="fast"} 0',
  ]);
});

test('a label that the entry does not name is a compiler error, and the call throws', () => {
  const { pulls, denied, below } = define();
  // @ts-expect-error `outcome` is not a label of pulls.
  assert.throws(() => pulls.inc({ upstream: 'docker.io', outcome: 'hit' }), /outcome/);
  // @ts-expect-error `result` is a label of another metric.
  assert.throws(() => denied.inc({ result: 'hit' }), /result/);
  // @ts-expect-error `class` is not a label of a metric in a nested table.
  assert.throws(() => below.wait.observe({ class: 'fast' }, 1), /class/);
  // @ts-expect-error a starting series has the labels of its metric.
  const wrong = counter('wrong_total', 'Wrong.', { from: 'any' }, { starts: [{ from: 'a', until: 'b' }] });
  assert.throws(() => wrong({ registry: new Registry(), starters: [] }), /until/);
});
