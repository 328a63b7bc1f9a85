// Cases about a queue that several workers share. A worker ends or is killed, or the server of the queue loses its
// data.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import type { WorkerIdentity } from '../hand-over.ts';
import type { JobHandlers, JobQueue, JobWorkers } from '../job-queue.ts';
import { background, completeHandlers, interactive, tagJob, until, waiting } from './sample-jobs.ts';

interface SharedJobsUnderTest {
  /** The queue, empty at first. */
  readonly queue: JobQueue;
  /** Starts another worker, which is closed after the test at the latest. */
  readonly work: (handlers: JobHandlers, place?: WorkerIdentity) => Promise<JobWorkers>;
  /** Starts a worker that never ends a `revalidate-tag` job. `kill` ends the worker as SIGKILL does. */
  readonly startDoomed: () => Promise<{ readonly begun: () => number; kill(): Promise<void> }>;
  /** Makes the server lose all its data while it runs. */
  readonly forget: () => Promise<void>;
}

/** Opens a new queue. Its resources are released through `t.after`. */
export type OpenSharedJobsUnderTest = (t: TestContext) => Promise<SharedJobsUnderTest>;

type SharedCases = Readonly<Record<string, (tested: SharedJobsUnderTest) => Promise<void>>>;

const runJob = ({ queue }: SharedJobsUnderTest, tag: string) =>
  queue.run('revalidate-tag', tagJob(tag), waiting(interactive(tag)));

const succeed = async () => null;

/** Starts a worker that always fails with a local error, in a cluster of `workers`. `tries` counts its attempts. */
async function startUnconnected({ work }: SharedJobsUnderTest, id: string, workers: number) {
  const state = { tries: 0 };
  const fail = async () => {
    state.tries += 1;
    throw new CacheError('upstream-unreachable', `${id} has no route.`, { retryable: true, isLocal: true });
  };
  await work(completeHandlers({ 'revalidate-tag': fail }), { id, countWorkers: async () => workers });
  return state;
}

export const sharedCases: SharedCases = {
  async 'another worker does a job that failed with a local error of its worker'(tested) {
    const unconnected = await startUnconnected(tested, 'one', 2);
    await tested.work(completeHandlers({ 'revalidate-tag': succeed }), { id: 'two', countWorkers: async () => 2 });
    const tags = Array.from({ length: 20 }, (_, number) => `v${number}`);
    for (const tag of tags) assert.equal(await runJob(tested, tag), null);
    assert.ok(unconnected.tries <= tags.length);
  },

  async 'a worker in triedBy does not do the job'({ queue, work }) {
    const runs: string[] = [];
    for (const id of ['one', 'two']) {
      const note = async () => (runs.push(id), null);
      await work(completeHandlers({ 'revalidate-tag': note }), { id, countWorkers: async () => 2 });
    }
    for (const tag of ['v1', 'v2', 'v3', 'v4', 'v5'])
      await queue.run('revalidate-tag', tagJob(tag), { ...waiting(interactive(tag)), triedBy: ['one'] });
    assert.deepEqual(runs, ['two', 'two', 'two', 'two', 'two']);
  },

  async 'a job fails after it has failed at every worker with a local error'(tested) {
    const [one, two] = [await startUnconnected(tested, 'one', 2), await startUnconnected(tested, 'two', 2)];
    await assert.rejects(runJob(tested, 'v1'), (error) => isCacheError(error, 'upstream-unreachable'));
    assert.deepEqual([one.tries, two.tries], [1, 1]);
  },

  async 'the failure of the only worker is the outcome immediately'(tested) {
    const alone = await startUnconnected(tested, 'one', 1);
    await assert.rejects(runJob(tested, 'v1'), (error) => isCacheError(error, 'upstream-unreachable'));
    assert.equal(alone.tries, 1);
  },

  async 'a job that no other worker takes returns to the worker that has tried it'(tested) {
    const alone = await startUnconnected(tested, 'one', 2);
    await assert.rejects(runJob(tested, 'v1'), (error) => isCacheError(error, 'upstream-unreachable'));
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
          await until('both workers have a job', () => working.size === 2);
          return null;
        },
      });
    for (const worker of [1, 2]) await work(handlersOf(worker));
    await until('all jobs have begun', () => runs.length >= tags.length);
    await queue.run('revalidate-tag', tagJob('last'), waiting(interactive('last')));
    assert.deepEqual(runs.toSorted(), [...tags, 'last'].toSorted());
  },

  async 'another worker does the job of a killed worker, for a waiting caller and for a new call'(tested) {
    const { queue, work, startDoomed } = tested;
    const doomed = await startDoomed();
    await queue.add('revalidate-tag', tagJob('added'), interactive('added'));
    const waited = runJob(tested, 'waited');
    await until('the worker has both jobs', () => doomed.begun() === 2);
    await doomed.kill();

    const runs: string[] = [];
    await work(completeHandlers({ 'revalidate-tag': async ({ tag }) => (runs.push(tag), null) }));
    assert.equal(await waited, null);
    assert.deepEqual(runs, ['waited']);
    assert.equal(await runJob(tested, 'added'), null);
    assert.deepEqual(runs, ['waited', 'added']);
  },

  async 'jobs that outlast the grace period continue in another worker'(tested) {
    let begun = false;
    const leaving = await tested.work(
      completeHandlers({
        'revalidate-tag': async (_payload, { signal }) => {
          begun = true;
          return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
        },
      }),
    );
    const result = runJob(tested, 'v1');
    await until('the job has begun', () => begun);
    await leaving.close(10);
    await tested.work(completeHandlers({ 'revalidate-tag': async () => null }));
    assert.equal(await result, null);
  },

  async 'a job whose handler ignores its signal also continues in another worker'(tested) {
    const { promise, resolve } = Promise.withResolvers<null>();
    let begun = false;
    const leaving = await tested.work(completeHandlers({ 'revalidate-tag': async () => ((begun = true), promise) }));
    const result = runJob(tested, 'v1');
    await until('the job has begun', () => begun);
    await leaving.close(10);
    await tested.work(completeHandlers({ 'revalidate-tag': async () => null }));
    assert.equal(await result, null);
    resolve(null);
  },

  async 'a background job is retried only after a retryable error with a short delay'(tested) {
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
    await assert.rejects(runJob(tested, 'never'), (error) => isCacheError(error, 'upstream-unreachable'));
    assert.equal(runs['never'], 4);
  },

  async 'a waiting job that the server lost is added again for its caller and for a new call'(tested) {
    const { queue, work, forget } = tested;
    await queue.add('revalidate-tag', tagJob('added'), interactive('added'));
    const waited = runJob(tested, 'waited');
    // This job is added after the other job, so the other job is in the queue by then.
    await queue.add('revalidate-tag', tagJob('behind'), interactive('behind'));
    await forget();
    const runs: string[] = [];
    await work(completeHandlers({ 'revalidate-tag': async ({ tag }) => (runs.push(tag), null) }));
    assert.equal(await waited, null);
    assert.equal(await runJob(tested, 'added'), null);
    assert.deepEqual(runs, ['waited', 'added']);
  },

  async 'a running job that the server lost is done again'(tested) {
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
    const result = runJob(tested, 'v1');
    await until('the job runs', () => runs === 1);
    await tested.forget();
    assert.equal(await result, null);
    gate.resolve(null);
    assert.equal(runs, 2);
    assert.equal(await runJob(tested, 'v1'), null);
    assert.equal(runs, 3);
  },
};
