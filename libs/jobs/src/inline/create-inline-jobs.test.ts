import assert from 'node:assert/strict';
import test from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import { describeJobs } from '../conformance.ts';
import {
  background,
  blobJob,
  createGate,
  interactive,
  tagJob,
  until,
  waiting,
  workWith,
} from '../conformance/sample-jobs.ts';
import type { JobsUnderTest } from '../conformance/jobs-under-test.ts';
import { createInlineJobs } from './create-inline-jobs.ts';

interface InlineUnderTest extends JobsUnderTest {
  readonly logged: object[];
}

function openInline({ slots = { interactive: 3, background: 2 }, maxWaiting = 1000 } = {}): InlineUnderTest {
  const logged: object[] = [];
  const { queue, work } = createInlineJobs({
    slots: { blob: slots, short: slots },
    maxWaiting,
    log: { error: (fields, message) => logged.push({ ...fields, message }) },
  });
  return { queue, work: async (handlers) => work(handlers), slots, logged };
}

describeJobs('inline', async () => openInline());

function countTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}

function isOverloaded(error: unknown): boolean {
  return isCacheError(error, 'overloaded');
}

test('waiting jobs above the limit are rejected, separately for each group and class', async (t) => {
  const tested = openInline({ slots: { interactive: 1, background: 1 }, maxWaiting: 2 });
  const { queue } = tested;
  const gate = createGate();
  await workWith(tested, t, { 'revalidate-tag': gate.handle, 'fetch-blob': gate.handle });
  for (const name of ['v1', 'v2', 'v3']) await queue.add('revalidate-tag', tagJob(name), background(name));
  await assert.rejects(queue.add('revalidate-tag', tagJob('v4'), background('v4')), isOverloaded);
  await assert.rejects(queue.run('revalidate-tag', tagJob('v4'), waiting(background('v4'))), isOverloaded);
  // A call that joins a waiting job needs no free place.
  await queue.add('revalidate-tag', tagJob('v3'), background('v3'));
  await queue.add('revalidate-tag', tagJob('v4'), interactive('v4'));
  await queue.add('fetch-blob', blobJob('b'), background('b'));
  gate.openAll();
  await until('all have ended', () => gate.ended.length === 5);
  await queue.run('revalidate-tag', tagJob('v5'), waiting(background('v5')));
});

test('an interactive call promotes the waiting background job, which then runs once', async (t) => {
  const tested = openInline({ slots: { interactive: 1, background: 1 } });
  const { queue } = tested;
  const gate = createGate();
  await workWith(tested, t, { 'revalidate-tag': gate.handle });
  await queue.add('revalidate-tag', tagJob('busy'), background('busy'));
  const patient = queue.run('revalidate-tag', tagJob('wanted'), waiting(background('wanted')));
  const hasty = queue.run('revalidate-tag', tagJob('wanted'), waiting(interactive('wanted')));
  gate.open('wanted');
  assert.deepEqual(await Promise.all([patient, hasty]), [null, null]);
  gate.open('busy');
  await until('both have ended', () => gate.ended.length === 2);
  assert.deepEqual(gate.started, [
    { name: 'busy', class: 'background' },
    { name: 'wanted', class: 'interactive' },
  ]);
});

test('an interactive call joins the same running background job', async (t) => {
  const tested = openInline();
  const gate = createGate();
  await workWith(tested, t, { 'revalidate-tag': gate.handle });
  await tested.queue.add('revalidate-tag', tagJob('v1'), background('v1'));
  await until('it runs', () => gate.started.length === 1);
  const joined = tested.queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('v1')));
  gate.open('v1');
  await joined;
  assert.equal(gate.started.length, 1);
});

test('the workers log an unexpected error, but no CacheError', async (t) => {
  const tested = openInline();
  const bug = new TypeError('a bug');
  await workWith(tested, t, {
    'revalidate-tag': async () => {
      throw bug;
    },
    'fetch-blob': async () => {
      throw new CacheError('upstream-timeout', 'Too slow.');
    },
  });
  await assert.rejects(
    tested.queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('a'))),
    (error) => error === bug,
  );
  await assert.rejects(tested.queue.run('fetch-blob', blobJob('b'), waiting(interactive('b'))));
  assert.deepEqual(tested.logged, [
    { err: bug, job: 'revalidate-tag', class: 'interactive', message: 'job failed unexpectedly' },
  ]);
});

test('close rejects the callers of waiting jobs and of a job that does not end', async (t) => {
  const tested = openInline({ slots: { interactive: 1, background: 1 } });
  const { promise, resolve } = Promise.withResolvers<null>();
  const workers = await workWith(tested, t, { 'revalidate-tag': async () => promise });
  const stuck = tested.queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('a')));
  const behind = tested.queue.run('revalidate-tag', tagJob('v2'), waiting(interactive('b')));
  const refused = assert.rejects(behind, isOverloaded);
  const abandoned = assert.rejects(stuck, isOverloaded);
  await Promise.all([workers.close(0), refused, abandoned]);
  resolve(null);
});

test('a wait that has ended leaves no timer', async (t) => {
  const tested = openInline();
  await workWith(tested, t, { 'revalidate-tag': async () => null });
  const before = countTimers();
  await tested.queue.run('revalidate-tag', tagJob('v1'), { ...interactive('a'), timeoutMs: 3_600_000 });
  assert.equal(countTimers(), before);
});

test('work throws when it is called twice', async (t) => {
  const tested = openInline();
  await workWith(tested, t, {});
  await assert.rejects(async () => workWith(tested, t, {}), /have already been started/);
});
