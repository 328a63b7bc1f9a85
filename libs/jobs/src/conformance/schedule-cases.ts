// Jobs that are done again and again.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobCases } from './jobs-under-test.ts';
import { background, sweepJob, tagsJob, until, waiting, workWith } from './sample-jobs.ts';

const hourly = { everyMs: 3_600_000, dedupKey: 'store' };
const often = { everyMs: 100, dedupKey: 'store' };
/** Time for at least one run of what is done often: BullMQ looks for what is due about once a second. */
const someRunsMs = 1200;

export const scheduleCases: JobCases = {
  async 'a scheduled job runs at once in the background, and again after each interval'(tested, t) {
    const runs: unknown[] = [];
    await workWith(tested, t, {
      'sweep-uploads': async (payload, context) => (runs.push([payload, context.class]), null),
    });
    await tested.queue.schedule('sweep-uploads', sweepJob(7), often);
    await until('it has run three times', () => runs.length >= 3);
    assert.deepEqual(runs[0], [sweepJob(7), 'background']);
    assert.deepEqual(runs[2], runs[0]);
  },

  async 'scheduling again changes nothing'(tested, t) {
    let runs = 0;
    await workWith(tested, t, {
      'sweep-uploads': async () => ((runs += 1), null),
      'fetch-tags': async () => ({ tags: [] }),
    });
    for (let times = 0; times < 3; times += 1) await tested.queue.schedule('sweep-uploads', sweepJob(1), hourly);
    await until('it has run', () => runs === 1);
    for (let times = 0; times < 3; times += 1) await tested.queue.schedule('sweep-uploads', sweepJob(1), hourly);
    await tested.queue.run('fetch-tags', tagsJob('x'), waiting(background('other')));
    assert.equal(runs, 1);
  },

  async 'what is scheduled before there are workers waits for them'(tested, t) {
    await tested.queue.schedule('sweep-uploads', sweepJob(1), hourly);
    await tested.queue.schedule('sweep-uploads', sweepJob(1), hourly);
    let runs = 0;
    await workWith(tested, t, {
      'sweep-uploads': async () => ((runs += 1), null),
      'fetch-tags': async () => ({ tags: [] }),
    });
    await until('it has run', () => runs === 1);
    await tested.queue.run('fetch-tags', tagsJob('x'), waiting(background('other')));
    assert.equal(runs, 1);
  },

  async 'another interval takes the place of the one before'(tested, t) {
    let runs = 0;
    await workWith(tested, t, { 'sweep-uploads': async () => ((runs += 1), null) });
    await tested.queue.schedule('sweep-uploads', sweepJob(1), hourly);
    await until('it has run', () => runs === 1);
    await tested.queue.schedule('sweep-uploads', sweepJob(1), often);
    await until('it runs often', () => runs >= 3);
    await tested.queue.schedule('sweep-uploads', sweepJob(1), hourly);
    // Some may have been due before; with the old interval there would be more without an end.
    for (let before = 0; before !== runs; await delay(someRunsMs)) before = runs;
  },

  async 'another payload takes the place of the one before'(tested, t) {
    const seen: number[] = [];
    await workWith(tested, t, { 'sweep-uploads': async ({ olderThanMs }) => (seen.push(olderThanMs), null) });
    await tested.queue.schedule('sweep-uploads', sweepJob(1), often);
    await until('it has run', () => seen.length > 0);
    await tested.queue.schedule('sweep-uploads', sweepJob(2), often);
    await until('the new one has run', () => seen.includes(2));
    const changedAt = seen.indexOf(2);
    await until('it has run twice more', () => seen.length >= changedAt + 3);
    assert.ok(seen.slice(changedAt).every((payload) => payload === 2));
  },

  async 'each key has a schedule of its own'(tested, t) {
    const seen: number[] = [];
    await workWith(tested, t, { 'sweep-uploads': async ({ olderThanMs }) => (seen.push(olderThanMs), null) });
    await tested.queue.schedule('sweep-uploads', sweepJob(1), hourly);
    await tested.queue.schedule('sweep-uploads', sweepJob(2), { ...hourly, dedupKey: 'a:b:c:1:2' });
    await until('both have run', () => seen.length === 2);
    assert.deepEqual(new Set(seen), new Set([1, 2]));
  },

  async 'a run is left out while a job of its key runs, and who asks joins a run'(tested, t) {
    const started: number[] = [];
    let gate = Promise.withResolvers<null>();
    await workWith(tested, t, {
      'sweep-uploads': async ({ olderThanMs }) => (started.push(olderThanMs), gate.promise),
    });
    await tested.queue.add('sweep-uploads', sweepJob(1), background('store'));
    await until('it runs', () => started.length === 1);
    await tested.queue.schedule('sweep-uploads', sweepJob(2), often);
    await delay(someRunsMs);
    assert.deepEqual(started, [1]);
    const first = gate;
    gate = Promise.withResolvers();
    first.resolve(null);
    await until('the schedule has its turn', () => started.length === 2);
    const joined = tested.queue.run('sweep-uploads', sweepJob(3), waiting(background('store')));
    await delay(someRunsMs);
    assert.deepEqual(started, [1, 2]);
    gate.resolve(null);
    assert.equal(await joined, null);
    await until('it goes on', () => started.length >= 3);
    assert.ok(!started.includes(3));
  },

  async 'a run that failed is no reason not to run again'(tested, t) {
    let runs = 0;
    await workWith(tested, t, {
      'sweep-uploads': async () => {
        runs += 1;
        throw new TypeError('a bug');
      },
    });
    await tested.queue.schedule('sweep-uploads', sweepJob(1), often);
    await until('it has run three times', () => runs >= 3);
  },

  async 'closing the workers ends their runs'(tested, t) {
    let runs = 0;
    const workers = await workWith(tested, t, { 'sweep-uploads': async () => ((runs += 1), null) });
    await tested.queue.schedule('sweep-uploads', sweepJob(1), often);
    await until('it has run', () => runs > 0);
    await workers.close(10_000);
    const settled = runs;
    await delay(someRunsMs);
    assert.equal(runs, settled);
  },

  async 'an interval that is none is refused'({ queue }) {
    for (const everyMs of [0, -1, 1.5, Number.NaN, Infinity, 86_400_001])
      await assert.rejects(queue.schedule('sweep-uploads', sweepJob(1), { ...hourly, everyMs }), RangeError);
  },
};
