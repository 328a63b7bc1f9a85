import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram, Registry } from 'prom-client';
import { holdCounter, holdGauge, holdHistogram } from './held-series.ts';

/** Sums of these are exact, whatever their order. */
const buckets = [0.25, 0.5, 1, 10];

test('a held series and the labels of its metric count together', async () => {
  const registry = new Registry();
  const common = { help: 'Help.', labelNames: ['kind'] as const, registers: [registry] };
  const pulls = holdCounter({ ...common, name: 'pulls_total' });
  const open = holdGauge({ ...common, name: 'open' });
  const [held, again, other] = [{ kind: 'a' }, { kind: 'a' }, { kind: 'b' }].map((labels) => pulls.series(labels));
  held?.add(2);
  again?.add(3);
  other?.add(0);
  pulls.inc({ kind: 'a' });
  open.inc({ kind: 'a' }, 5);
  open.series({ kind: 'a' }).add(-2);
  for (const _ of ['first scrape', 'second scrape']) {
    const lines = (await registry.metrics()).split('\n');
    assert.deepEqual(
      lines.filter((line) => line !== '' && !line.startsWith('#')),
      ['pulls_total{kind="a"} 6', 'open{kind="a"} 3'],
    );
  }
});

test('a held histogram returns the same text as one of prom-client', async () => {
  const one = fc.record({
    kind: fc.constantFrom('a', 'b'),
    value: fc.oneof(fc.constantFrom(0, ...buckets), fc.integer({ min: 0, max: 20 })),
    isHeld: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(one), fc.array(one), async (before, after) => {
      const [expected, actual] = [new Registry(), new Registry()];
      const configuration = { name: 'wait_seconds', help: 'Help.', labelNames: ['kind'] as const, buckets };
      const plain = new Histogram({ ...configuration, registers: [expected] });
      const metric = holdHistogram({ ...configuration, registers: [actual] });
      const held: Record<string, { observe(value: number): void }> = {
        a: metric.series({ kind: 'a' }),
        b: metric.series({ kind: 'b' }),
      };
      for (const kind of ['a', 'b']) for (const each of [plain, metric]) each.zero({ kind });
      for (const values of [before, after]) {
        for (const { kind, value, isHeld } of values) {
          plain.observe({ kind }, value);
          if (isHeld) held[kind]?.observe(value);
          else metric.observe({ kind }, value);
        }
        assert.equal(await actual.metrics(), await expected.metrics());
      }
    }),
  );
});

test('a held series of a histogram starts when it is observed', async () => {
  const registry = new Registry();
  const configuration = { name: 'wait_seconds', help: 'Help.', labelNames: ['kind'] as const, buckets };
  const series = holdHistogram({ ...configuration, registers: [registry] }).series({ kind: 'new' });
  assert.doesNotMatch(await registry.metrics(), /kind="new"/);
  series.observe(0.7);
  assert.match(await registry.metrics(), /^wait_seconds_bucket\{le="1",kind="new"\} 1$/m);
});
