import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { createTestIndex } from './testing/create-index-server.ts';
import { withLease } from './leases.ts';

const leaseMs = 3_000;

test('no other process starts the work while it is running, even after the duration of the lease', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const clock = { nowMs: 0 };
  const index = createTestIndex({ now: () => clock.nowMs });
  const lease = { index, name: 'work', leaseMs };
  const work = Promise.withResolvers<string>();
  const working = withLease(lease, () => work.promise);
  await setImmediate();
  for (let second = 0; second < 20; second += 1) {
    assert.equal(await withLease(lease, async () => 'another'), undefined, `after ${second} s`);
    clock.nowMs += 1_000;
    t.mock.timers.tick(1_000);
    await setImmediate();
  }
  work.resolve('one');
  assert.equal(await working, 'one');
  assert.equal(await withLease(lease, async () => 'another'), 'another');
});
