// After FLUSHALL a cluster schedules its own work again, with no restart and no command.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { readSchedules } from '../src/read-schedules.ts';

const { cluster } = await openClusterRig({ after });
const exist = async () => (await readSchedules(cluster)).length > 0;

test('the schedules are what they were', async () => {
  await until('the schedules exist', exist, 30_000);
  const before = await readSchedules(cluster);
  await cluster.redis.flushAll();
  await until('the schedules exist again', exist, 90_000);
  assert.deepEqual(await readSchedules(cluster), before);
});
