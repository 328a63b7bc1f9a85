import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setAwakeTimeout } from './within.ts';

test('setAwakeTimeout fires after its time, unless it is cancelled', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const fired: string[] = [];
  setAwakeTimeout(() => fired.push('one'), 100);
  const cancel = setAwakeTimeout(() => fired.push('other'), 100);
  for (let at = 0; at < 9; at += 1) t.mock.timers.tick(10);
  assert.deepEqual(fired, []);
  cancel();
  t.mock.timers.tick(10);
  assert.deepEqual(fired, ['one']);
});

test('a standstill of the process does not count as waiting', async () => {
  let fired = false;
  const cancel = setAwakeTimeout(() => (fired = true), 60_000);
  const due = Promise.withResolvers<void>();
  setAwakeTimeout(due.resolve, 50);
  const short = setAwakeTimeout(() => (fired = true), 500);
  for (const untilMs = performance.now() + 700; performance.now() < untilMs;);
  await due.promise;
  assert.equal(fired, false);
  cancel();
  short();
});
