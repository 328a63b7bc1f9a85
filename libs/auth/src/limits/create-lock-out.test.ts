import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createTries } from './create-lock-out.ts';

const start = (max: number) => createTries({ name: 'x', max, shared: undefined, log: { warn() {} } });

test('used-up attempts return after ten minutes', { timeout: 3_600_000 }, async () => {
  const tries = start(2);
  assert.equal(await tries.remainingMs('a'), 0);
  await tries.begin('a');
  await delay(200_000);
  assert.equal((await tries.begin('a')).remainingMs, 0);
  for (const remainingMs of [await tries.remainingMs('a'), (await tries.begin('a')).remainingMs])
    assert.ok(remainingMs > 399_000 && remainingMs <= 400_000, `${remainingMs}`);
  assert.equal(await tries.remainingMs('b'), 0);
  await delay(400_001);
  assert.equal(await tries.remainingMs('a'), 0);
  assert.equal((await tries.begin('a')).remainingMs, 0);
});

test('an attempt that is taken back does not count, even after its period', { timeout: 3_600_000 }, async () => {
  const tries = start(1);
  for (let count = 0; count < 5; count += 1) await (await tries.begin('a')).takeBack();
  const late = await tries.begin('a');
  assert.ok((await tries.remainingMs('a')) > 0);
  await delay(600_001);
  await late.takeBack();
  assert.equal((await tries.begin('a')).remainingMs, 0);
  assert.ok((await tries.begin('a')).remainingMs > 0);
});

test('the oldest made-up keys are forgotten beyond a hundred thousand', async () => {
  const tries = start(1);
  await tries.begin('first');
  for (let count = 0; count < 100_000; count += 1) await tries.begin(`made-up-${count}`);
  assert.equal(await tries.remainingMs('first'), 0);
  assert.ok((await tries.remainingMs('made-up-99999')) > 0);
});
