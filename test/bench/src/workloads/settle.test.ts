import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settle } from './settle.ts';

async function costsOf(costs: readonly number[], isCompiling = true) {
  let at = 0;
  const last = await settle(() => Promise.resolve(costs[at++] ?? Number.NaN), isCompiling);
  return { last, seconds: at };
}

test('a load goes on until a second is no cheaper than the last one', async () => {
  assert.deepEqual(await costsOf([90, 60, 40, 30, 29.9, 10]), { last: 29.9, seconds: 5 });
  assert.deepEqual(await costsOf([90, 60, 60, 10]), { last: 60, seconds: 3 });
});

test('at least three seconds and at most six are loaded', async () => {
  assert.deepEqual(await costsOf([30, 30, 30]), { last: 30, seconds: 3 });
  assert.deepEqual(await costsOf([90, 80, 70, 60, 50, 40, 30]), { last: 40, seconds: 6 });
});

test('a server without a compiler is loaded once', async () => {
  assert.deepEqual(await costsOf([90, 60], false), { last: 90, seconds: 1 });
});
