import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createRedisClock } from './redis-clock.ts';

/** The time of a Redis whose machine is `aheadMs` ahead of this one. */
const redisAt = (aheadMs: number) => Math.floor(performance.now()) + aheadMs;
const aheadMs = 1_800_000_000_000;

test('a clock goes on by itself between two answers of Redis', async () => {
  const clock = createRedisClock();
  await clock.hear(async () => String(redisAt(aheadMs)));
  assert.ok(Math.abs(clock.now() - redisAt(aheadMs)) <= 2);
  await delay(60_000);
  assert.ok(Math.abs(clock.now() - redisAt(aheadMs)) <= 2);
});

test('an answer that comes late moves the clock only as far as it must', async () => {
  const clock = createRedisClock();
  await clock.hear(async () => redisAt(aheadMs));
  const hearLate = (ahead: number, lateMs: number) =>
    clock.hear(async () => {
      const time = redisAt(ahead);
      await delay(lateMs);
      return time;
    });
  await hearLate(aheadMs, 5_000);
  assert.ok(Math.abs(clock.now() - redisAt(aheadMs)) <= 2);
  // Another server after a fail-over, an hour behind.
  await hearLate(aheadMs - 3_600_000, 500);
  const isMs = clock.now() - redisAt(aheadMs - 3_600_000);
  assert.ok(isMs >= -2 && isMs <= 502, String(isMs));
  await clock.hear(async () => redisAt(aheadMs - 3_600_000));
  assert.ok(Math.abs(clock.now() - redisAt(aheadMs - 3_600_000)) <= 2);
});
