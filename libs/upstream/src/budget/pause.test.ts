import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextPause, type Pause, pauseTtlMs } from './pause.ts';

const at = (nowMs: number, random = 0) => ({ nowMs, random });
const refused = (askedAtMs: number, retryAfterMs?: number) => ({ askedAtMs, retryAfterMs });

test('pauses grow while a registry goes on refusing, and begin anew once it has forgiven', () => {
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

test('refusals of requests that were sent before the pause do not make it longer', () => {
  const pause = nextPause(undefined, refused(0), at(100)) ?? assert.fail();
  assert.equal(nextPause(pause, refused(50), at(200)), undefined);
});

test('Retry-After is obeyed to the full, also when it comes late', () => {
  const pause = nextPause(undefined, refused(0, 60_000), at(0, 0.5)) ?? assert.fail();
  assert.ok(pause.untilMs >= 60_000 && pause.untilMs <= 75_000);
  assert.equal(nextPause(pause, refused(0, 120_000), at(1000))?.untilMs, 121_000);
});

test('a pause that is over is remembered until the registry has forgiven', () => {
  const pause = nextPause(undefined, refused(0), at(0)) ?? assert.fail();
  const forgottenAtMs = pauseTtlMs(pause, 0);
  assert.equal(nextPause(pause, refused(forgottenAtMs - 1), at(forgottenAtMs - 1))?.count, 2);
  assert.equal(nextPause(pause, refused(forgottenAtMs), at(forgottenAtMs))?.count, 1);
});
