import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { parseTag } from '@cistern/oci';
import type { JobHandlers } from '../job-queue.ts';
import { createInlineJobs } from './create-inline-jobs.ts';

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
  held.reject(new CacheError('manifest-unknown', 'There is no such tag.'));
  while (queueNow().active > 0) await new Promise(setImmediate);
  assert.partialDeepStrictEqual(queueNow(), { waiting: 0, active: 0, failed: 10, oldestAddedAtMs: undefined });
  assert.partialDeepStrictEqual(queueNow().failures[9], { name: 'revalidate-tag', reason: 'There is no such tag.' });
});
