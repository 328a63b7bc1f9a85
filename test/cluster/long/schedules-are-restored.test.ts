// After FLUSHALL a cluster restores its schedules without a restart or a command.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { readSchedules } from '../src/read-schedules.ts';

const { cluster } = await openClusterRig({ after });
const exist = async () => (await readSchedules(cluster)).length > 0;

test('schedules are restored after FLUSHALL', async () => {
  await until('the schedules exist', exist, 30_000);
  const before = await readSchedules(cluster);
  await cluster.redis.flushAll();
  await until('the schedules exist again', exist, 90_000);
  assert.deepEqual(await readSchedules(cluster), before);
});
