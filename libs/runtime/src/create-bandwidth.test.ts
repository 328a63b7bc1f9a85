import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createBandwidth } from './create-bandwidth.ts';

const { signal } = new AbortController();
const nobody = () => false;

test('all who spend share the bandwidth', async () => {
  const bandwidth = createBandwidth(1_000_000);
  const startedAtMs = performance.now();
  await Promise.all([1, 2, 3].map(() => bandwidth.spend(100_000, nobody, signal)));
  // A timer may be a little early.
  assert.ok(performance.now() - startedAtMs > 290);
});

test('the time that bytes took to come is part of the time that they have', async (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const ending = new AbortController();
  t.after(() => ending.abort());
  const bandwidth = createBandwidth(1_000);
  await bandwidth.spend(0, nobody, ending.signal);
  let spent = 0;
  for (; spent < 5;) {
    nowMs += 90;
    void bandwidth.spend(90, nobody, ending.signal).then(
      () => (spent += 1),
      () => {},
    );
    const before = spent;
    await setImmediate();
    assert.equal(spent, before + 1, 'it has to wait');
  }
});

test('what somebody waits for spends nothing, and a wait ends when somebody comes', async () => {
  const bandwidth = createBandwidth(1);
  await bandwidth.spend(1_000_000, () => true, signal);
  let isWaitedFor = false;
  const waiting = bandwidth.spend(1_000_000, () => isWaitedFor, signal);
  isWaitedFor = true;
  await waiting;
});

test('a wait ends with its signal', async () => {
  const ending = new AbortController();
  const waiting = createBandwidth(1).spend(1_000_000, nobody, ending.signal);
  ending.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});
