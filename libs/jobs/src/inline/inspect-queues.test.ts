import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { parseTag } from '@cistern/oci';
import { createMetrics } from '@cistern/telemetry';
import { type JobHandlers, measureJobHandlers } from '../job-queue.ts';
import { createInlineJobs } from './create-inline-jobs.ts';
import { createQueues, inspectQueues, recordFailure } from './queues.ts';

test('the state of each queue counts waiting, running and failed jobs, as in Redis', async (t) => {
  const log = { error: () => {} };
  const slots = { interactive: 2, background: 2 };
  const jobs = createInlineJobs({ slots: { blob: slots, short: slots }, maxWaiting: 100, log });
  const add = (tag: string) =>
    jobs.queue.add(
      'revalidate-tag',
      { upstream: 'docker.io', repository: 'a' as never, tag: parseTag(tag), by: 'head' },
      { dedupKey: tag, class: 'interactive' },
    );
  for (let count = 0; count < 15; count += 1) await add(`v${count}`);
  const queueNow = () => jobs.inspect().find(({ name }) => name === 'interactive-short') ?? assert.fail();
  assert.partialDeepStrictEqual(queueNow(), { waiting: 15, active: 0, delayed: 0, failed: 0, failures: [] });
  assert.ok(Math.abs((queueNow().oldestAddedAtMs ?? 0) - Date.now()) < 60_000);
  const held = Promise.withResolvers<never>();
  const workers = jobs.work({ 'revalidate-tag': () => held.promise } as Partial<JobHandlers> as JobHandlers);
  t.after(() => workers.close(0));
  assert.partialDeepStrictEqual(queueNow(), { waiting: 13, active: 2 });
  held.reject(new CacheError('upstream-timeout', 'The upstream is silent.'));
  while (queueNow().active > 0) await new Promise(setImmediate);
  assert.partialDeepStrictEqual(queueNow(), { waiting: 0, active: 0, failed: 15, oldestAddedAtMs: undefined });
  assert.partialDeepStrictEqual(queueNow().failures[9], { name: 'revalidate-tag', reason: 'The upstream is silent.' });
});

const unknown = () => Promise.reject(new CacheError('manifest-unknown', 'There is no such tag.'));

test('a 404 of the upstream is no failed job, unless an operator wants the image prewarmed', async (t) => {
  const slots = { interactive: 2, background: 2 };
  const jobs = createInlineJobs({ slots: { blob: slots, short: slots }, maxWaiting: 9, log: { error: () => {} } });
  const handlers = { 'revalidate-tag': unknown, 'prewarm-tag': unknown } as Partial<JobHandlers> as JobHandlers;
  const metrics = createMetrics();
  const workers = jobs.work(measureJobHandlers(handlers, metrics));
  t.after(() => workers.close(0));
  const key = { upstream: 'docker.io', repository: 'a' as never, tag: parseTag('1') };
  const options = { dedupKey: '1', class: 'interactive', timeoutMs: 60_000 } as const;
  await assert.rejects(jobs.queue.run('revalidate-tag', { ...key, by: 'head' }, options), { kind: 'manifest-unknown' });
  await assert.rejects(jobs.queue.run('prewarm-tag', key, options), { kind: 'manifest-unknown' });
  const failures = jobs.inspect().flatMap((queue) => queue.failures);
  assert.deepEqual(
    failures.map(({ name }) => name),
    ['prewarm-tag'],
  );
  const { values } = await metrics.jobDuration.get();
  const ended = values.filter(({ metricName, value }) => metricName?.endsWith('_count') === true && value > 0);
  assert.deepEqual(
    ended.map(({ labels }) => [labels.name, labels.result]),
    [
      ['revalidate-tag', 'done'],
      ['prewarm-tag', 'failed'],
    ],
  );
});

test('a failure counts for an hour', () => {
  const slots = { interactive: 1, background: 1 };
  const queue = createQueues({ blob: slots, short: slots }).of('fetch-blob', 'interactive');
  recordFailure(queue, { name: 'fetch-blob' }, new Error('no answer'), 1000);
  const failedAt = (nowMs: number) => inspectQueues([queue], nowMs)[0]?.failed;
  assert.deepEqual([failedAt(3_600_999), failedAt(3_601_001)], [1, 0]);
});
