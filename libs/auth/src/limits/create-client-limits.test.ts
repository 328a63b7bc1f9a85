import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { openLogInOutage } from '@cistern/telemetry/testing/open-log-in-outage';
import { Redis } from 'ioredis';
import { createClientLimits } from './create-client-limits.ts';
import { createLockOut } from './create-lock-out.ts';

const limitsOf = (limits: { requestsPerMinute?: number; bytesPerDay?: number }) =>
  createClientLimits({
    requestsPerMinute: undefined,
    bytesPerDay: undefined,
    shared: undefined,
    log: { warn() {} },
    ...limits,
  });

test('each client has its own number of requests a minute', async () => {
  const limits = limitsOf({ requestsPerMinute: 3 });
  for (let count = 0; count < 3; count += 1) assert.ok((await limits.admit('ada')).isAdmitted);
  const refused = await limits.admit('ada');
  assert.ok(!refused.isAdmitted);
  assert.equal(refused.limit, 'requests');
  assert.ok(refused.retryAfterMs > 1000 && refused.retryAfterMs <= 60_000, `${refused.retryAfterMs}`);
  assert.ok((await limits.admit('bob')).isAdmitted);
});

test('a request that is taken back does not count', async () => {
  const limits = limitsOf({ requestsPerMinute: 2 });
  for (let count = 0; count < 5; count += 1) {
    assert.ok((await limits.admit('ada')).isAdmitted);
    limits.takeBack('ada');
  }
  for (const isAdmitted of [true, true, false]) assert.equal((await limits.admit('ada')).isAdmitted, isAdmitted);
});

test('a client that received its bytes is rejected for the rest of the day', async () => {
  const limits = limitsOf({ bytesPerDay: 1000 });
  limits.note('ada', 999);
  assert.ok((await limits.admit('ada')).isAdmitted);
  limits.note('ada', 500);
  const refused = await limits.admit('ada');
  assert.ok(!refused.isAdmitted);
  assert.equal(refused.limit, 'bytes');
  assert.ok(refused.retryAfterMs > 23 * 3_600_000);
  assert.ok((await limits.admit('bob')).isAdmitted);
});

test('every client is admitted without limits, however often', async () => {
  const limits = limitsOf({});
  for (let count = 0; count < 100; count += 1) assert.ok((await limits.admit('ada')).isAdmitted);
});

test('an outage of Redis is one line that limits are not enforced, and one that logins are counted locally', async (t) => {
  const { log, messages } = openLogInOutage('index-unavailable');
  const client = new Redis({ enableOfflineQueue: false, retryStrategy: null }).on('error', () => {});
  t.after(() => client.disconnect());
  const shared = { client, keyPrefix: '', secret: 'x', commandTimeoutMs: 1000 };
  const limits = createClientLimits({ requestsPerMinute: 10, bytesPerDay: undefined, shared, log });
  const lockOut = createLockOut({ shared, log });
  for (let minute = 0; minute < 3; minute += 1) {
    assert.ok((await limits.admit('ada')).isAdmitted);
    assert.equal((await lockOut.begin('10.0.0.1', 'ada')).remainingMs, 0);
    await delay(61_000);
  }
  assert.deepEqual(messages(), [
    'failed to count client usage, limits not enforced',
    'failed to share login attempts, counting locally',
  ]);
});
