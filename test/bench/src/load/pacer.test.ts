import assert from 'node:assert/strict';
import { test } from 'node:test';
import { burst, createPacer, type Pacer } from './pacer.ts';

const take = (pacer: Pacer, nowMs: number) => {
  let taken = 0;
  while (pacer.take(nowMs) !== undefined) taken += 1;
  return taken;
};

test('bursts of requests are due at a fixed rate, whether the last ones were late or not', () => {
  const pacer = createPacer({ startMs: 100, seconds: 1, rate: 4 * burst });
  assert.deepEqual(
    [100, 349, 350, 900].map((nowMs) => take(pacer, nowMs)),
    [burst, 0, burst, 2 * burst],
  );
  assert.equal(pacer.isOver(900), true);
});

test('the time of a request counts from when it was due', () => {
  const pacer = createPacer({ startMs: 100, seconds: 1, rate: 4 * burst });
  take(pacer, 100);
  assert.equal(pacer.take(500), 350);
});

test('only requests that are taken much later than they were due are late', () => {
  const pacer = createPacer({ startMs: 0, seconds: 1, rate: 4 * burst });
  assert.deepEqual([take(pacer, 250), pacer.latePart()], [2 * burst, 0]);
  assert.deepEqual([take(pacer, 751), pacer.latePart()], [2 * burst, 0.25]);
});

test('without a rate, requests are due until the time is over', () => {
  const pacer = createPacer({ startMs: 0, seconds: 1 });
  assert.deepEqual([pacer.take(1), pacer.take(999), pacer.take(1000)], [1, 999, undefined]);
  assert.deepEqual([pacer.isOver(999), pacer.isOver(1000)], [false, true]);
});
