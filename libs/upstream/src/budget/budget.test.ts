import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Budget, laterBudget, mergeBudget, reserveOf, nextPause, type Pause, pauseTtlMs } from './budget.ts';

const reported = (remaining: number, reportedAtMs: number): Budget => ({
  limit: 100,
  remaining,
  windowMs: 1000,
  reportedAtMs,
});

test('the answer to a later request counts', () => {
  assert.deepEqual(mergeBudget(reported(5, 100), reported(90, 160), 150), reported(90, 160));
  assert.deepEqual(mergeBudget(undefined, reported(90, 160), 0), reported(90, 160));
});

test('if two requests overlap, the answer with fewer pulls left counts, in any order', () => {
  assert.deepEqual(mergeBudget(reported(5, 100), reported(6, 110), 50), reported(5, 100));
  assert.deepEqual(mergeBudget(reported(6, 100), reported(5, 110), 50), reported(5, 110));
});

test('the first request after the answer with the fewest pulls shows a new period, even if many requests overlap', () => {
  let known = reported(0, 100);
  for (let atMs = 110; atMs < 200; atMs += 10) known = mergeBudget(known, reported(99, atMs), atMs - 50);
  assert.equal(known.remaining, 99);
});

test('an answer to an old request counts when the rate-limit period of the known answer is over', () => {
  assert.equal(mergeBudget(reported(1, 100), reported(50, 1200), 90).remaining, 50);
});

test('the later report of two processes counts', () => {
  assert.deepEqual(laterBudget(reported(1, 100), reported(2, 200)), reported(2, 200));
  assert.deepEqual(laterBudget(reported(1, 200), reported(2, 100)), reported(1, 200));
  assert.deepEqual(laterBudget(undefined, reported(2, 100)), reported(2, 100));
});

test('the reserve is a fifth of the limit unless it is configured', () => {
  assert.equal(reserveOf(reported(1, 1), undefined), 20);
  assert.equal(reserveOf(reported(1, 1), 0), 0);
  assert.equal(reserveOf({ ...reported(1, 1), limit: undefined }, undefined), 0);
});

const at = (nowMs: number, random = 0) => ({ nowMs, random });
const refused = (requestedAtMs: number, retryAfterMs?: number) => ({ requestedAtMs, retryAfterMs });

test('pauses grow with each 429, and a pause more than ten minutes after the last one takes five seconds again', () => {
  const lengths: number[] = [];
  let pause: Pause | undefined;
  for (let nowMs = 0, count = 0; count < 9; count += 1) {
    pause = nextPause(pause, refused(nowMs), at(nowMs)) ?? assert.fail();
    lengths.push((pause.untilMs - pause.sinceMs) / 1000);
    nowMs = pause.untilMs + 1;
  }
  assert.deepEqual(lengths, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
  const later = (pause?.untilMs ?? 0) + 600_000;
  assert.equal(nextPause(pause, refused(later), at(later))?.count, 1);
});

test('a refusal of a request from before the pause does not extend it', () => {
  const pause = nextPause(undefined, refused(0), at(100)) ?? assert.fail();
  assert.equal(nextPause(pause, refused(50), at(200)), undefined);
});

test('a pause lasts at least as long as Retry-After, even if that arrives during the pause', () => {
  const pause = nextPause(undefined, refused(0, 60_000), at(0, 0.5)) ?? assert.fail();
  assert.ok(pause.untilMs >= 60_000 && pause.untilMs <= 75_000);
  assert.equal(nextPause(pause, refused(0, 120_000), at(1000))?.untilMs, 121_000);
});

test('a pause is remembered for ten minutes after its end', () => {
  const pause = nextPause(undefined, refused(0), at(0)) ?? assert.fail();
  const forgottenAtMs = pauseTtlMs(pause, 0);
  assert.equal(nextPause(pause, refused(forgottenAtMs - 1), at(forgottenAtMs - 1))?.count, 2);
  assert.equal(nextPause(pause, refused(forgottenAtMs), at(forgottenAtMs))?.count, 1);
});
