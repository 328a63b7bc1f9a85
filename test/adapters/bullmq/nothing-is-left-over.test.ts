import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { CacheError, type CacheErrorKind, isCacheError } from '@cistern/errors';
import { openBullmqQueue, openBullmqWorkers } from '@cistern/jobs/bullmq';
import { commandTimeoutMs, diagnoseTime, startRedis } from '@cistern/test-servers';
import { until, untilSeldom } from '../until.ts';
import { interactive, keepLog, openQueue, openWorkers, jobSlots, placeIn } from './jobs-on-redis.ts';
import { completeHandlers, tagJob } from '@cistern/jobs';
import { startDoomedWorker } from './start-doomed-worker.ts';

const redis = await startRedis();
after(async () => redis.close());

function openHandles(): string[] {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name === 'TCPSocketWrap');
}

const countScript = `
local failed, waiting, others = 0, 0, {}
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. '*')) do
  local kind = redis.call('TYPE', key).ok
  if kind == 'list' then waiting = waiting + redis.call('LLEN', key) end
  if kind == 'hash' and redis.call('HEXISTS', key, 'finishedOn') == 1 then failed = failed + 1
  elseif redis.call('PTTL', key) == -1 then table.insert(others, key) end
end
return cjson.encode({failed = failed, waiting = waiting, others = table.concat(others, ' ')})
`;

/** Counts kept failed jobs and waiting or active jobs, and lists the other keys that do not expire. */
async function countKeys(prefix: string) {
  const found = JSON.parse(await redis.command('EVAL', countScript, '0', prefix)) as Record<string, unknown>;
  const { failed, waiting, others } = found as { failed: number; waiting: number; others: string };
  return { failed, waiting, others: others.split(' ').filter((key) => key !== '') };
}

function allow(...kinds: readonly CacheErrorKind[]): (error: unknown) => void {
  return (error) => assert.ok(isCacheError(error, ...kinds), String(error));
}

function isOverloaded(error: unknown): boolean {
  return isCacheError(error, 'overloaded');
}

async function openBoth(keyPrefix: string, timeoutMs: number = commandTimeoutMs.patient) {
  const log = keepLog();
  const common = { ...placeIn(redis, keyPrefix), log };
  const handlers = completeHandlers({ 'revalidate-tag': async () => null });
  const [{ queue, close }, workers] = await Promise.all([
    openBullmqQueue({ ...common, maxWaiting: 10, commandTimeoutMs: timeoutMs }),
    openBullmqWorkers({ ...common, handlers, slots: jobSlots }),
  ]);
  return { queue, log, close: async () => Promise.all([close(), workers.close(60_000)]) };
}

test('a closed queue leaves no timers or connections, and rejects later jobs', async () => {
  const before = openHandles();
  const { queue, log, close } = await openBoth('closed:');
  await queue.run('revalidate-tag', tagJob('v1'), interactive('a'));
  await close();
  assert.deepEqual(log.logged, []);
  await until('all handles are closed', () => openHandles().length <= before.length);
  await assert.rejects(queue.add('revalidate-tag', tagJob('v2'), interactive('b')), isOverloaded);
  await assert.rejects(queue.run('revalidate-tag', tagJob('v2'), interactive('b')), isOverloaded);
});

test('a queue closes without leftovers while Redis is unavailable', async (t) => {
  t.after(async () => redis.start());
  const before = openHandles();
  const { queue, close } = await openBoth('outage:');
  await queue.run('revalidate-tag', tagJob('v1'), interactive('a'));
  await redis.stop();
  await diagnoseTime(t, 'closing', close);
  await until('all handles are closed', () => openHandles().length <= before.length);
});

test('a queue that never reached Redis closes without leftovers', async (t) => {
  await redis.stop();
  t.after(async () => redis.start());
  const before = openHandles();
  const { close } = await openBoth('never:', commandTimeoutMs.hanging);
  await diagnoseTime(t, 'closing', close);
  await until('all handles are closed', () => openHandles().length <= before.length);
});

describe('many jobs and lost jobs', { concurrency: true }, () => {
  test('two thousand jobs leave only the results of the last seconds and a hundred failures in Redis', async (t) => {
    const place = placeIn(redis, 'kept:');
    const queues = await Promise.all([openQueue(t, place), openQueue(t, place)]);
    const handlers = {
      'revalidate-tag': async ({ tag }: { readonly tag: string }) => {
        if (tag.startsWith('bad')) throw new CacheError('upstream-timeout', 'Too slow.');
        return null;
      },
    };
    await Promise.all([openWorkers(t, place, handlers), openWorkers(t, place, handlers)]);
    const round = async (name: string, jobs: number) => {
      await Promise.all(
        Array.from({ length: jobs }, async (_, number) => {
          const tag = `${number % 10 === 0 ? 'bad' : 'good'}-${name}-${number}`;
          const options = {
            ...interactive(tag),
            class: number % 3 === 0 ? ('background' as const) : ('interactive' as const),
          };
          const queue = queues[number % 2]!;
          const submit = async () =>
            number % 2 === 0
              ? queue.add('revalidate-tag', tagJob(tag), options)
              : queue.run('revalidate-tag', tagJob(tag), options);
          await submit().catch(allow('upstream-timeout'));
        }),
      );
    };
    await round('first', 100);
    await untilSeldom('the queue is empty', async () => (await countKeys('kept:')).waiting === 0);
    const before = await countKeys('kept:');
    for (let number = 0; number < 20; number += 1) await round(`round-${number}`, 100);
    await untilSeldom('the queue is empty', async () => (await countKeys('kept:')).waiting === 0);
    const kept = await countKeys('kept:');
    // The limit is per queue, and there are two queues.
    const [most, few] = [2 * 100, 5];
    assert.ok(kept.failed <= most, `${kept.failed} failed jobs`);
    assert.ok(kept.others.length <= before.others.length + few, kept.others.join(' ').slice(0, 2000));
  });

  test('records of a killed worker and of an outage disappear with time', async (t) => {
    const place = placeIn(redis, 'lost:');
    const doomed = await startDoomedWorker(t, redis.port, place);
    const queue = await openQueue(t, place);
    await queue.add('revalidate-tag', tagJob('lost'), interactive('lost'));
    await until('the worker has the job', () => doomed.outputLines().includes('doing lost'));
    await doomed.kill();
    // No caller requests the job again, so only BullMQ finds it.
    await openWorkers(t, place, {});
    await untilSeldom('the job has failed', async () => (await countKeys('lost:')).failed === 1, 60_000);
    const { others } = await countKeys('lost:');
    const ofJobs = others.filter((key) => !/:(?:id|meta|events|stalled-check|marker|failed)$/.test(key));
    assert.deepEqual(ofJobs, []);
  });
});

test('a full queue rejects jobs, and accepts them again once it has drained', async (t) => {
  const place = placeIn(redis, 'full:');
  const queue = await openQueue(t, place, { maxWaiting: 5 });
  let added = 0;
  await assert.rejects(async () => {
    for (;;) {
      await queue.add('revalidate-tag', tagJob(`v${added}`), interactive(`v${added}`));
      added += 1;
    }
  }, isOverloaded);
  assert.ok(added >= 5, `${added} jobs`);
  await openWorkers(t, place, { 'revalidate-tag': async () => null });
  await until('the queue accepts jobs again', async () => {
    try {
      return (await queue.run('revalidate-tag', tagJob('last'), interactive('last'))) === null;
    } catch (error) {
      assert.ok(isCacheError(error, 'overloaded'));
      return false;
    }
  });
});
