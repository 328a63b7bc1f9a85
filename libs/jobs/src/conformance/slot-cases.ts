// Cases about job slots, and about closing workers.
import assert from 'node:assert/strict';
import { isCacheError } from '@cistern/errors';
import type { JobClass } from '../job-queue.ts';
import type { JobCases } from './jobs-under-test.ts';
import {
  background,
  blobJob,
  createGate,
  interactive,
  tagJob,
  tagsJob,
  until,
  waiting,
  workWith,
} from './sample-jobs.ts';

export const slotCases: JobCases = {
  async 'jobs start in the order in which they were added, at most one in each job slot'(tested, t) {
    const gate = createGate();
    await workWith(tested, t, { 'revalidate-tag': gate.handle, 'fetch-tags': async () => ({ tags: [] }) });
    const slots = tested.slots.interactive;
    const names = Array.from({ length: slots + 4 }, (_, number) => `v${number}`);
    for (const name of names) await tested.queue.add('revalidate-tag', tagJob(name), interactive(name));
    for (let ended = 0; ended < names.length; ended += 1) {
      const running = Math.min(slots + ended, names.length);
      await until(`${running} have started`, () => gate.started.length >= running);
      // A whole job of another queue runs meanwhile, so that an extra job would have time to start.
      await tested.queue.run('fetch-tags', tagsJob('x'), waiting(background('other')));
      assert.deepEqual(new Set(gate.started.map(({ name }) => name)), new Set(names.slice(0, running)));
      gate.open(names[ended]!);
    }
    await until('all have ended', () => gate.ended.length === names.length);
  },

  async 'neither class waits for the other'(tested, t) {
    const gate = createGate();
    await workWith(tested, t, { 'revalidate-tag': gate.handle });
    const kinds: JobClass[] = ['background', 'interactive'];
    for (const [held, free] of [kinds, kinds.toReversed()] as [JobClass, JobClass][]) {
      for (let number = 0; number < tested.slots[held] + 2; number += 1)
        await tested.queue.add('revalidate-tag', tagJob(`${held}-${number}`), {
          dedupKey: `${held}-${number}`,
          class: held,
        });
      await until('its slots are taken', () => gate.started.length === tested.slots[held]);
      gate.open(`${free}-free`);
      await tested.queue.run('revalidate-tag', tagJob(`${free}-free`), waiting({ dedupKey: 'free', class: free }));
      for (let number = 0; number < tested.slots[held] + 2; number += 1) gate.open(`${held}-${number}`);
      await until('the other jobs have ended', () => gate.ended.length === tested.slots[held] + 3);
      gate.started.length = 0;
      gate.ended.length = 0;
    }
  },

  async 'an interactive call does not wait for the same waiting background job'(tested, t) {
    const gate = createGate();
    await workWith(tested, t, { 'revalidate-tag': gate.handle });
    for (let number = 0; number < tested.slots.background; number += 1)
      await tested.queue.add('revalidate-tag', tagJob(`v${number}`), background(`v${number}`));
    await until('the background is busy', () => gate.started.length === tested.slots.background);
    await tested.queue.add('revalidate-tag', tagJob('wanted'), background('wanted'));
    gate.open('wanted');
    await tested.queue.run('revalidate-tag', tagJob('wanted'), waiting(interactive('wanted')));
    assert.deepEqual(gate.started.at(-1), { name: 'wanted', class: 'interactive' });
    gate.openAll();
  },

  async 'blob jobs and short jobs do not wait for each other'(tested, t) {
    const gate = createGate();
    await workWith(tested, t, {
      'fetch-blob': gate.handle,
      'revalidate-tag': gate.handle,
      'fetch-tags': async () => ({ tags: [] }),
    });
    const { queue, slots } = tested;
    for (const jobClass of ['interactive', 'background'] as const) {
      const options = (dedupKey: string): Parameters<typeof waiting>[0] => ({ dedupKey, class: jobClass });
      for (let number = 0; number < slots[jobClass] + 1; number += 1)
        await queue.add('fetch-blob', blobJob(`${jobClass}-b${number}`), options(`b${number}`));
      await until('the slots of blobs are taken', () => gate.started.length === slots[jobClass]);
      await queue.run('fetch-tags', tagsJob('x'), waiting(options('x')));
      for (let number = 0; number < slots[jobClass] + 1; number += 1)
        gate.open(blobJob(`${jobClass}-b${number}`).digest);
      await until('the blob jobs have ended', () => gate.ended.length === slots[jobClass] + 1);

      gate.started.length = 0;
      for (let number = 0; number < slots[jobClass]; number += 1)
        await queue.add('revalidate-tag', tagJob(`${jobClass}-v${number}`), options(`v${number}`));
      await until('the other slots are taken', () => gate.started.length === slots[jobClass]);
      await queue.run('fetch-blob', blobJob(`${jobClass}-b0`), waiting(options('again')));
      for (let number = 0; number < slots[jobClass]; number += 1) gate.open(`${jobClass}-v${number}`);
      await until('all jobs have ended', () => gate.ended.length === slots[jobClass] * 2 + 2);
      gate.started.length = 0;
      gate.ended.length = 0;
    }
  },

  async 'close waits for the running jobs and starts no others'(tested, t) {
    const gate = createGate();
    const workers = await workWith(tested, t, { 'revalidate-tag': gate.handle });
    const running = tested.queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('a')));
    await until('the job runs', () => gate.started.length === 1);
    let closed = false;
    const closing = workers.close(10_000).then(() => (closed = true));
    await assert.rejects(
      tested.queue.run('revalidate-tag', tagJob('late'), { ...interactive('b'), timeoutMs: 100 }),
      (error) => isCacheError(error, 'overloaded'),
    );
    assert.equal(closed, false);
    gate.open('v1');
    assert.equal(await running, null);
    await closing;
    await workers.close(10_000);
    assert.deepEqual(
      gate.started.map(({ name }) => name),
      ['v1'],
    );
  },

  async 'close aborts the jobs that outlast the grace period'(tested, t) {
    const gate = createGate();
    let aborted = false;
    const workers = await workWith(tested, t, {
      'revalidate-tag': async (payload, context) => {
        try {
          return await gate.handle(payload, context);
        } finally {
          aborted = context.signal.aborted;
        }
      },
    });
    await tested.queue.add('revalidate-tag', tagJob('v1'), interactive('a'));
    await until('the job runs', () => gate.started.length === 1);
    await workers.close(20);
    assert.equal(aborted, true);
    assert.deepEqual(gate.ended, []);
  },

  async 'close does not wait for ever for a handler that ignores its signal'(tested, t) {
    const { promise, resolve } = Promise.withResolvers<null>();
    let started = false;
    const workers = await workWith(tested, t, {
      'revalidate-tag': async () => {
        started = true;
        return promise;
      },
    });
    await tested.queue.add('revalidate-tag', tagJob('v1'), interactive('a'));
    await until('the job runs', () => started);
    await workers.close(0);
    resolve(null);
  },

  async 'close ends idle workers immediately'(tested, t) {
    const workers = await workWith(tested, t, {});
    // A close that waited for the grace period would exceed the timeout of the test.
    await workers.close(3_600_000);
  },
};
