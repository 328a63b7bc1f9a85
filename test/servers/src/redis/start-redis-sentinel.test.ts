import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startRedisSentinel } from './start-redis-sentinel.ts';
import { until } from '../until.ts';

test('the sentinels promote the replica when the master fails', async (t) => {
  const setUp = await startRedisSentinel({ sentinels: 3 });
  t.after(() => setUp.close());
  assert.equal(await setUp.masterPort(), setUp.master.port);
  await setUp.master.command('SET', 'a', '1');
  await until(async () => (await setUp.replica.command('GET', 'a')) === '1');
  await setUp.master.kill();
  await until(async () => (await setUp.masterPort()) === setUp.replica.port);
  await until(async () => (await setUp.replica.command('SET', 'b', '2')) === 'OK');
});
