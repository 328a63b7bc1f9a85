import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepRate } from './keep-rate.ts';

/** Measures the given parts one after another, and counts. */
function measuring(...parts: readonly number[]) {
  let count = 0;
  const measure = async () => ({ count: (count += 1), result: { latePart: parts[count - 1] ?? 0 } as never });
  return { measure, counted: () => count };
}

test('a late measurement is repeated, and the one in time counts', async () => {
  const inTime = measuring(0.03);
  assert.equal((await keepRate(inTime.measure)).count, 1);
  const late = measuring(0.5, 0.04, 0.02);
  assert.equal((await keepRate(late.measure)).count, 3);
});

test('a server that is always late is an error', async () => {
  const { measure, counted } = measuring(0.5, 0.5, 0.4, 0);
  await assert.rejects(keepRate(measure), /fell behind the rate 3 times: 40 % of requests were late/);
  assert.equal(counted(), 3);
});

test('any other error is not repeated', async () => {
  let count = 0;
  const measure = async () => {
    count += 1;
    throw new Error('wrong bytes');
  };
  await assert.rejects(keepRate(measure), /wrong bytes/);
  assert.equal(count, 1);
});
