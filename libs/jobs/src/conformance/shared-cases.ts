// Jobs of a queue that several workers share. One of them ends or is killed, or the queue's server forgets its data.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import type { WorkerPlace } from '../hand-on.ts';
import type { JobHandlers, JobQueue, JobWorkers } from '../job-queue.ts';
import { background, completeHandlers, interactive, tagJob, until, waiting } from './sample-jobs.ts';

interface SharedJobsUnderTest {
  /** Empty at first. */
  readonly queue: JobQueue;
  /** Starts another worker each time. It ends with the test at the latest. */
  readonly work: (handlers: JobHandlers, place?: WorkerPlace) => Promise<JobWorkers>;
  /** Starts a worker that ends no `revalidate-tag` job, and that `kill` ends as SIGKILL does. */
  readonly startDoomed: () => Promise<{ readonly begun: () => number; kill(): Promise<void> }>;
  /** The server loses all its data, and goes on. */
  readonly forget: () => Promise<void>;
}

/** Opens a fresh queue; whatever it needs is released through `t.after`. */
export type OpenSharedJobsUnderTest = (t: TestContext) => Promise<SharedJobsUnderTest>;

type SharedCases = Readonly<Record<string, (tested: SharedJobsUnderTest) => Promise<void>>>;

const ask = ({ queue }: SharedJobsUnderTest, tag: string) =>
  queue.run('revalidate-tag', tagJob(tag), waiting(interactive(tag)));

const succeed = async () => null;

/** A worker of a cluster of `workers` that fails for a reason of its own; `tries`: how often. */
async function joinUnconnected({ work }: SharedJobsUnderTest, id: string, workers: number) {
  const state = { tries: 0 };
  const fail = async () => {
    state.tries += 1;
    throw new CacheError('upstream-unreachable', `${id} has no route.`, { retryable: true, isLocal: true });
  };
  await work(completeHandlers({ 'revalidate-tag': fail }), { id, countWorkers: async () => workers });
  return state;
}

export const sharedCases: SharedCases = {
  async 'a job that a worker fails for a reason of its own is done by another one'(tested) {
    const unconnected = await joinUnconnected(tested, 'one', 2);
    await tested.work(completeHandlers({ 'revalidate-tag': succeed }), { id: 'two', countWorkers: async () => 2 });
    const tags = Array.from({ length: 20 }, (_, number) => `v${number}`);
    for (const tag of tags) assert.equal(await ask(tested, tag), null);
    assert.ok(unconnected.tries <= tags.length);
  },

  async 'a job is not done by workers that its asker leaves out'({ queue, work }) {
    const runs: string[] = [];
    for (const id of ['one', 'two']) {
      const note = async () => (runs.push(id), null);
      await work(completeHandlers({ 'revalidate-tag': note }), { id, countWorkers: async () => 2 });
    }
    for (const tag of ['v1', 'v2', 'v3', 'v4', 'v5'])
      await queue.run('revalidate-tag', tagJob(tag), { ...waiting(interactive(tag)), triedBy: ['one'] });
    assert.deepEqual(runs, ['two', 'two', 'two', 'two', 'two']);
  },

  async 'a job that no worker has a way for fails once each of them has tried'(tested) {
    const [one, two] = [await joinUnconnected(tested, 'one', 2), await joinUnconnected(tested, 'two', 2)];
    await assert.rejects(ask(tested, 'v1'), (error) => isCacheError(error, 'upstream-unreachable'));
    assert.deepEqual([one.tries, two.tries], [1, 1]);
  },

  async 'the failure of a worker that is alone is the outcome at once'(tested) {
    const alone = await joinUnconnected(tested, 'one', 1);
    await assert.rejects(ask(tested, 'v1'), (error) => isCacheError(error, 'upstream-unreachable'));
    assert.equal(alone.tries, 1);
  },

  async 'a job that no other worker takes comes back to the one that has tried it'(tested) {
    const alone = await joinUnconnected(tested, 'one', 2);
    await assert.rejects(ask(tested, 'v1'), (error) => isCacheError(error, 'upstream-unreachable'));
    assert.equal(alone.tries, 2);
  },

  async 'two workers share the jobs of one queue, and each runs once'({ queue, work }) {
    const tags = Array.from({ length: 40 }, (_, number) => `v${number}`);
    for (const tag of tags) await queue.add('revalidate-tag', tagJob(tag), interactive(tag));
    const runs: string[] = [];
    const working = new Set<number>();
    const handlersOf = (worker: number) =>
      completeHandlers({
        'revalidate-tag': async ({ tag }) => {
          runs.push(tag);
          working.add(worker);
          await until('both have work', () => working.size === 2);
          return null;
        },
      });
    for (const worker of [1, 2]) await work(handlersOf(worker));
    await until('all were begun', () => runs.length >= tags.length);
    await queue.run('revalidate-tag', tagJob('last'), waiting(interactive('last')));
    assert.deepEqual(runs.toSorted(), [...tags, 'last'].toSorted());
  },

  async 'a job that its worker is killed over is done by another, for who waits and for who asks again'(tested) {
    const { queue, work, startDoomed } = tested;
    const doomed = await startDoomed();
    await queue.add('revalidate-tag', tagJob('added'), interactive('added'));
    const waited = ask(tested, 'waited');
    await until('it has both jobs', () => doomed.begun() === 2);
    await doomed.kill();

    const runs: string[] = [];
    await work(completeHandlers({ 'revalidate-tag': async ({ tag }) => (runs.push(tag), null) }));
    assert.equal(await waited, null);
    assert.deepEqual(runs, ['waited']);
    assert.equal(await ask(tested, 'added'), null);
    assert.deepEqual(runs, ['waited', 'added']);
  },

  async 'jobs that have not ended after the grace go on in another worker'(tested) {
    let begun = false;
    const leaving = await tested.work(
      completeHandlers({
        'revalidate-tag': async (_payload, { signal }) => {
          begun = true;
          return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      }),
    );
    const result = ask(tested, 'v1');
    await until('it has begun', () => begun);
    await leaving.close(10);
    await tested.work(completeHandlers({ 'revalidate-tag': async () => null }));
    assert.equal(await result, null);
  },

  async 'a job whose handler heeds no signal goes on in another worker too'(tested) {
    const { promise, resolve } = Promise.withResolvers<null>();
    let begun = false;
    const leaving = await tested.work(completeHandlers({ 'revalidate-tag': async () => ((begun = true), promise) }));
    const result = ask(tested, 'v1');
    await until('it has begun', () => begun);
    await leaving.close(10);
    await tested.work(completeHandlers({ 'revalidate-tag': async () => null }));
    assert.equal(await result, null);
    resolve(null);
  },

  async 'a background job is tried again if that may help, and not otherwise'(tested) {
    const runs: Record<string, number> = {};
    await tested.work(
      completeHandlers({
        'revalidate-tag': async ({ tag }) => {
          runs[tag] = (runs[tag] ?? 0) + 1;
          if (tag === 'mends' && runs[tag] === 2) return null;
          const retryAfterMs = tag === 'much-later' ? 3_600_000 : 20;
          throw new CacheError('upstream-unreachable', 'Not now.', { retryable: tag !== 'final', retryAfterMs });
        },
      }),
    );
    const run = async (tag: string) => tested.queue.run('revalidate-tag', tagJob(tag), waiting(background(tag)));
    assert.equal(await run('mends'), null);
    for (const tag of ['final', 'much-later', 'never'])
      await assert.rejects(run(tag), (error) => isCacheError(error, 'upstream-unreachable'));
    assert.deepEqual(runs, { mends: 2, final: 1, 'much-later': 1, never: 3 });
    await assert.rejects(ask(tested, 'never'), (error) => isCacheError(error, 'upstream-unreachable'));
    assert.equal(runs['never'], 4);
  },

  async 'when the server forgets jobs that wait, who waits gets an answer and who asks again a job'(tested) {
    const { queue, work, forget } = tested;
    await queue.add('revalidate-tag', tagJob('added'), interactive('added'));
    const waited = ask(tested, 'waited');
    // Its turn to be added comes after the other's.
    await queue.add('revalidate-tag', tagJob('behind'), interactive('behind'));
    await forget();
    const runs: string[] = [];
    await work(completeHandlers({ 'revalidate-tag': async ({ tag }) => (runs.push(tag), null) }));
    assert.equal(await waited, null);
    assert.equal(await ask(tested, 'added'), null);
    assert.deepEqual(runs, ['waited', 'added']);
  },

  async 'a job that the server forgets while it runs is done again'(tested) {
    const gate = Promise.withResolvers<null>();
    let runs = 0;
    await tested.work(
      completeHandlers({
        'revalidate-tag': async () => {
          runs += 1;
          return runs === 1 ? gate.promise : null;
        },
      }),
    );
    const result = ask(tested, 'v1');
    await until('it runs', () => runs === 1);
    await tested.forget();
    assert.equal(await result, null);
    gate.resolve(null);
    assert.equal(runs, 2);
    assert.equal(await ask(tested, 'v1'), null);
    assert.equal(runs, 3);
  },
};
