import { after, test } from 'node:test';
import { openOutageRig } from '../src/redis-outage.ts';

const { survive } = await openOutageRig({ after });
const ms = 20_000;

test('Redis hangs', async () => {
  await survive({ ms, begin: (redis) => redis.freeze(), restore: (redis) => redis.thaw() });
});

test('Redis is killed and comes back with its data', async () => {
  await survive({ ms, begin: (redis) => redis.kill(), restore: (redis) => redis.start() });
});

test('Redis is killed and comes back with nothing', async () => {
  const begin = async (redis: Parameters<Parameters<typeof survive>[0]['begin']>[0]) => {
    await redis.flushAll();
    await redis.kill();
  };
  await survive({ ms, begin, restore: (redis) => redis.start() });
});
