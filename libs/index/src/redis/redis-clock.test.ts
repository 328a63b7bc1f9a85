import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createRedisClock } from './redis-clock.ts';

/** Returns the time of a Redis whose clock is `aheadMs` ahead of the clock of this machine. */
const redisAt = (aheadMs: number) => Math.floor(performance.now()) + aheadMs;
const aheadMs = 1_800_000_000_000;

test('the clock advances between two responses of Redis', async () => {
  const clock = createRedisClock();
  await clock.sync(async () => String(redisAt(aheadMs)));
  assert.ok(Math.abs(clock.now() - redisAt(aheadMs)) <= 2);
  await delay(60_000);
  assert.ok(Math.abs(clock.now() - redisAt(aheadMs)) <= 2);
});

test('a late response moves the clock as little as possible', async () => {
  const clock = createRedisClock();
  await clock.sync(async () => redisAt(aheadMs));
  const syncLate = (ahead: number, lateMs: number) =>
    clock.sync(async () => {
      const time = redisAt(ahead);
      await delay(lateMs);
      return time;
    });
  await syncLate(aheadMs, 5_000);
  assert.ok(Math.abs(clock.now() - redisAt(aheadMs)) <= 2);
  // After a failover, the clock of the new Redis server is an hour behind.
  await syncLate(aheadMs - 3_600_000, 500);
  const isMs = clock.now() - redisAt(aheadMs - 3_600_000);
  assert.ok(isMs >= -2 && isMs <= 502, String(isMs));
  await clock.sync(async () => redisAt(aheadMs - 3_600_000));
  assert.ok(Math.abs(clock.now() - redisAt(aheadMs - 3_600_000)) <= 2);
});
