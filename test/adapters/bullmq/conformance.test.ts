import { after } from 'node:test';
import { openBullmqQueue, openBullmqWorkers } from '@cistern/jobs/bullmq';
import type { RedisConnection } from '@cistern/redis';
import { describeJobs, describeSharedJobs } from '@cistern/jobs/conformance';
import { commandTimeoutMs, startRedis, startRedisCluster } from '@cistern/test-servers';
import { jobSlots, keepLog, openQueue, openWorkers, placeIn, slots } from './jobs-on-redis.ts';
import { startDoomedWorker } from './start-doomed-worker.ts';

const [redis, cluster] = await Promise.all([startRedis(), startRedisCluster()]);
after(async () => Promise.all([redis.close(), cluster.close()]));
let opened = 0;

function describeOn(name: string, connection: RedisConnection): void {
  describeJobs(name, async (t) => {
    opened += 1;
    const common = { connection, keyPrefix: `conformance-${opened}:`, log: keepLog() };
    const { queue, close } = await openBullmqQueue({
      ...common,
      maxWaiting: 1000,
      commandTimeoutMs: commandTimeoutMs.patient,
    });
    t.after(close);
    return { queue, slots, work: async (handlers) => openBullmqWorkers({ ...common, handlers, slots: jobSlots }) };
  });
}

describeOn('bullmq', placeIn(redis, '').connection);
describeOn('bullmq on a cluster', { kind: 'cluster', nodes: cluster.addresses });

describeSharedJobs('bullmq', async (t) => {
  opened += 1;
  const place = placeIn(redis, `conformance-${opened}:`);
  return {
    queue: await openQueue(t, place),
    work: async (handlers, workerPlace) => openWorkers(t, place, handlers, { place: workerPlace }),
    async startDoomed() {
      const doomed = await startDoomedWorker(t, redis.port, place);
      const begun = () => doomed.outputLines().filter((line) => line.startsWith('doing')).length;
      return { begun, kill: async () => void (await doomed.kill()) };
    },
    forget: async () => redis.flushAll(),
  };
});
