import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measuredOf } from './figures-for-tests.ts';
import { ratiosOf } from './ratios.ts';

test('a ratio is of medians, and above 1 where the first is better, whichever way that is', () => {
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

test('the spread is how far rounds lie apart that were run beside each other', () => {
  const [together] = ratiosOf(measuredOf({ cistern: [[100], [200]], other: [[50], [100]] }));
  assert.equal(together?.spread, 0, 'a machine that was half as fast for both in a round says nothing');
  const [apart] = ratiosOf(measuredOf({ cistern: [[100], [300]], other: [[100], [100]] }));
  assert.equal(apart?.value, 2);
  assert.equal(apart?.spread, 1);
});

test('what is missing or nothing has no ratio', () => {
  assert.deepEqual(ratiosOf(measuredOf({ cistern: [[0, Number.NaN]], other: [[10, 10]] })), []);
  const measured = measuredOf({ cistern: [[10, 10]], other: [[5, 20]] });
  const [own] = measured.workload.contenders;
  const withoutFirst = new Map([...measured.rounds].filter(([kind]) => kind !== own));
  assert.deepEqual(ratiosOf({ ...measured, rounds: withoutFirst }), [], 'the first has answered wrongly');
});
