import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measuredOf } from './figures-for-tests.ts';
import { ratiosOf } from './ratios.ts';

test('a ratio compares medians, and is above 1 if the first is better, by higher or by lower values', () => {
  const measured = measuredOf({
    cistern: [
      [100, 10],
      [300, 30],
      [200, 20],
    ],
    other: [
      [50, 40],
      [60, 10],
      [40, 80],
    ],
  });
  assert.deepEqual(
    ratiosOf(measured).map(({ name, value }) => [name, value]),
    [
      ['load / requests/s / other', 4],
      ['load / CPU µs/request / other', 2],
    ],
  );
});

test('the spread compares the ratios of single rounds', () => {
  const [together] = ratiosOf(measuredOf({ cistern: [[100], [200]], other: [[50], [100]] }));
  assert.equal(together?.spread, 0, 'a round on a machine that was half as fast for both does not count as noise');
  const [apart] = ratiosOf(measuredOf({ cistern: [[100], [300]], other: [[100], [100]] }));
  assert.equal(apart?.value, 2);
  assert.equal(apart?.spread, 1);
});

test('a missing or zero figure has no ratio', () => {
  assert.deepEqual(ratiosOf(measuredOf({ cistern: [[0, Number.NaN]], other: [[10, 10]] })), []);
  const measured = measuredOf({ cistern: [[10, 10]], other: [[5, 20]] });
  const [own] = measured.workload.contenders;
  const withoutFirst = new Map([...measured.rounds].filter(([kind]) => kind !== own));
  assert.deepEqual(ratiosOf({ ...measured, rounds: withoutFirst }), [], 'the first has returned wrong responses');
});
