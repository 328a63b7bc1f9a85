import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createBandwidth } from './create-bandwidth.ts';

const { signal } = new AbortController();
const isIdle = () => false;

test('all callers of spend share the bandwidth', async () => {
  const bandwidth = createBandwidth(1_000_000);
  const startedAtMs = performance.now();
  await Promise.all([1, 2, 3].map(() => bandwidth.spend(100_000, isIdle, signal)));
  // A timer may fire a little early.
  assert.ok(performance.now() - startedAtMs > 290);
});

test('the time of arrival of bytes counts towards their wait', async (t) => {
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const ending = new AbortController();
  t.after(() => ending.abort());
  const bandwidth = createBandwidth(1_000);
  await bandwidth.spend(0, isIdle, ending.signal);
  let spent = 0;
  for (; spent < 5;) {
    nowMs += 90;
    void bandwidth.spend(90, isIdle, ending.signal).then(
      () => (spent += 1),
      () => {},
    );
    const before = spent;
    await setImmediate();
    assert.equal(spent, before + 1, 'the call waits');
  }
});

test('bytes for a waiting client spend nothing, and a wait ends when a client waits', async () => {
  const bandwidth = createBandwidth(1);
  await bandwidth.spend(1_000_000, () => true, signal);
  let isWaitedFor = false;
  const waiting = bandwidth.spend(1_000_000, () => isWaitedFor, signal);
  isWaitedFor = true;
  await waiting;
});

test('a wait rejects when its signal aborts', async () => {
  const ending = new AbortController();
  const waiting = createBandwidth(1).spend(1_000_000, isIdle, ending.signal);
  ending.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
});
