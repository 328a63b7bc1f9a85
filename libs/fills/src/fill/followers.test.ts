import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { createFollowers } from './followers.ts';

const { signal } = new AbortController();

test('the distance to a segment is that of the nearest reader that has not passed it', () => {
  const followers = createFollowers();
  assert.equal(followers.needs(100, 200), Infinity);
  const near = followers.enter(70);
  const far = followers.enter(10);
  assert.equal(followers.needs(100, 200), 30);
  near.position = 150;
  assert.equal(followers.needs(100, 200), 0);
  near.position = 200;
  assert.equal(followers.needs(100, 200), 90);
  far.leave();
  far.leave();
  assert.equal(followers.needs(100, 200), Infinity);
  assert.equal(followers.count, 1);
});

test('a fill without readers becomes idle after its timeout, and a reader in between restarts the timeout', async () => {
  let idle = 0;
  const followers = createFollowers();
  followers.watchIdle(1_000, () => (idle += 1));
  await delay(900);
  const follower = followers.enter(0);
  await delay(5_000);
  assert.equal(idle, 0);
  follower.leave();
  await delay(900);
  assert.equal(idle, 0);
  await delay(200);
  assert.equal(idle, 1);
  followers.enter(0).leave();
  followers.stopWatching();
  await delay(5_000);
  assert.equal(idle, 1);
});

test('waiting for readers ends after a quiet period, at the limit or when the signal aborts', async () => {
  const sinceMs = performance.now();
  const tookMs = () => Math.round((performance.now() - sinceMs) / 100) * 100;
  const followers = createFollowers();
  const follower = followers.enter(0);
  setTimeout(() => follower.leave(), 500);
  await followers.untilQuiet(2_000, 15_000, signal);
  assert.equal(tookMs(), 2_500);
  const staying = followers.enter(0);
  await followers.untilQuiet(2_000, 15_000, signal);
  assert.equal(tookMs(), 17_500);
  await followers.untilQuiet(2_000, 15_000, AbortSignal.timeout(1_000));
  assert.equal(tookMs(), 18_500);
  await followers.untilQuiet(2_000, 15_000, AbortSignal.abort());
  staying.leave();
  assert.equal(tookMs(), 18_500);
});

test('the callback for no readers runs once, as soon as there are none', () => {
  let none = 0;
  const followers = createFollowers();
  const one = followers.enter(0);
  followers.whenNone(() => (none += 1));
  const other = followers.enter(0);
  one.leave();
  assert.equal(none, 0);
  other.leave();
  followers.enter(0).leave();
  assert.equal(none, 1);
  followers.whenNone(() => (none += 1));
  assert.equal(none, 2);
});
