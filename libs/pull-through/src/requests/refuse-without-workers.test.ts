import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { tagJob } from '@cistern/jobs/conformance';
import { refuseWithoutWorkers, watchWorkers } from './refuse-without-workers.ts';

const options = { dedupKey: 'a', class: 'interactive', timeoutMs: 60_000 } as const;
const isNoWorker = (error: unknown) => isCacheError(error, 'overloaded') && error.message.startsWith('No worker');

/** Starts a queue whose jobs never end. */
function startQueue(countWorkers: () => Promise<number>) {
  let added = 0;
  const endless = {
    async add() {
      added += 1;
    },
    run: (_name: string, _payload: object, { signal }: { readonly signal: AbortSignal }) => {
      added += 1;
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  } as unknown as JobQueue;
  return { queue: refuseWithoutWorkers(endless, watchWorkers({ nodes: { countWorkers } })), added: () => added };
}

test('a job is rejected immediately without a running worker, and the error gives the reason', async () => {
  const { queue, added } = startQueue(async () => 0);
  await assert.rejects(queue.run('revalidate-tag', tagJob('v1'), options), isNoWorker);
  await assert.rejects(queue.add('revalidate-tag', tagJob('v1'), options), isNoWorker);
  assert.equal(added(), 0);
});

test('a waiting job is rejected within two seconds after the last worker ends', async () => {
  let workers = 1;
  const { queue, added } = startQueue(async () => workers);
  const startedAtMs = performance.now();
  const running = queue.run('revalidate-tag', tagJob('v1'), options);
  running.catch(() => {});
  await delay(100);
  workers = 0;
  await assert.rejects(running, isNoWorker);
  assert.equal(added(), 1);
  // Time is virtual, so the limit can be exact.
  assert.ok(performance.now() - startedAtMs <= 2_000);
});

test('an unavailable index rejects no job, and workers are counted once a second', async () => {
  let counts = 0;
  const { queue, added } = startQueue(async () => {
    counts += 1;
    throw new CacheError('index-unavailable', 'Redis is down.');
  });
  for (let number = 0; number < 5; number += 1) await queue.add('revalidate-tag', tagJob('v1'), options);
  assert.deepEqual([added(), counts], [5, 1]);
  await delay(1_000);
  await queue.add('revalidate-tag', tagJob('v1'), options);
  assert.equal(counts, 2);
});
