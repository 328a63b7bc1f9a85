// Cases about payloads, results and errors of jobs, and about jobs with the same key.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { CacheError, isCacheError } from '@cistern/errors';
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

export const runningCases: JobCases = {
  async 'a handler receives the payload and the class, and its result is returned'(tested, t) {
    const seen: unknown[] = [];
    await workWith(tested, t, {
      'fetch-tags': async (payload, context) => {
        seen.push([payload, context.class, context.signal.aborted]);
        return { tags: ['a', 'b'], next: { last: 'b', n: 10 } };
      },
      'revalidate-tag': async () => null,
    });
    const result = await tested.queue.run('fetch-tags', tagsJob('x'), waiting(interactive('a')));
    assert.deepEqual(result, { tags: ['a', 'b'], next: { last: 'b', n: 10 } });
    await tested.queue.run('fetch-tags', tagsJob('y'), waiting(background('b')));
    assert.deepEqual(seen, [
      [tagsJob('x'), 'interactive', false],
      [tagsJob('y'), 'background', false],
    ]);
    assert.equal(await tested.queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('c'))), null);
  },

  async 'add resolves before the job has ended'(tested, t) {
    const gate = createGate();
    await workWith(tested, t, { 'revalidate-tag': gate.handle });
    await tested.queue.add('revalidate-tag', tagJob('v1'), interactive('a'));
    assert.deepEqual(gate.ended, []);
    gate.open('v1');
    await until('the job has ended', () => gate.ended.length === 1);
  },

  async 'jobs that are added before workers start wait for them'(tested, t) {
    const gate = createGate();
    gate.openAll();
    await tested.queue.add('revalidate-tag', tagJob('v1'), interactive('a'));
    const result = tested.queue.run('revalidate-tag', tagJob('v2'), waiting(background('b')));
    await workWith(tested, t, { 'revalidate-tag': gate.handle });
    assert.equal(await result, null);
    await until('both have ended', () => gate.ended.length === 2);
  },

  async 'a call with the key of a waiting or running job joins that job, with the payload of the first call'(
    tested,
    t,
  ) {
    let calls = 0;
    const gate = createGate();
    const { queue } = tested;
    const early = [
      queue.run('revalidate-tag', tagJob('first'), waiting(interactive('same'))),
      queue.run('revalidate-tag', tagJob('second'), waiting(interactive('same'))),
    ];
    await queue.add('revalidate-tag', tagJob('third'), interactive('same'));
    await workWith(tested, t, {
      'revalidate-tag': async (payload, context) => {
        calls += 1;
        return gate.handle(payload, context);
      },
    });
    await until('the job runs', () => gate.started.length === 1);
    const name = gate.started[0]!.name;
    const late = queue.run('revalidate-tag', tagJob('fourth'), waiting(interactive('same')));
    await queue.add('revalidate-tag', tagJob('fifth'), interactive('same'));
    gate.open(name);
    assert.deepEqual(await Promise.all([...early, late]), [null, null, null]);
    assert.equal(calls, 1);
    assert.equal(name, 'first');
  },

  async 'callers that join only waiting jobs share the waiting job, or the next job if the first one runs'(tested, t) {
    const gate = createGate();
    const { queue } = tested;
    const run = (name: string) =>
      queue.run('revalidate-tag', tagJob(name), { ...waiting(interactive('same')), joins: 'waiting' });
    const early = [run('first'), run('shared')];
    await workWith(tested, t, { 'revalidate-tag': gate.handle });
    await until('the job runs', () => gate.started.length === 1);
    const late = [run('second'), run('second'), run('second')];
    const joining = queue.run('revalidate-tag', tagJob('joins'), waiting(interactive('same')));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(gate.started.length, 1, 'the jobs run one after the other');
    gate.open('first');
    assert.deepEqual(await Promise.all([...early, joining]), [null, null, null]);
    await until('the next one runs', () => gate.started.length === 2);
    gate.open('second');
    assert.deepEqual(await Promise.all(late), [null, null, null]);
    assert.deepEqual(gate.ended, ['first', 'second']);
  },

  async 'a caller that joins only waiting jobs keeps its timeout, and is not affected by the earlier job'(tested, t) {
    const held = Promise.withResolvers<null>();
    let runs = 0;
    const job = { ...interactive('same'), joins: 'waiting' } as const;
    await workWith(tested, t, { 'revalidate-tag': async () => ((runs += 1), runs === 1 ? held.promise : null) });
    const first = tested.queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('same')));
    await until('it runs', () => runs === 1);
    await assert.rejects(tested.queue.run('revalidate-tag', tagJob('v1'), { ...job, timeoutMs: 30 }), (error) =>
      isCacheError(error, 'overloaded'),
    );
    const late = tested.queue.run('revalidate-tag', tagJob('v1'), { ...job, timeoutMs: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    held.reject(new CacheError('upstream-timeout', 'Too slow.'));
    await assert.rejects(first, (error) => isCacheError(error, 'upstream-timeout'));
    assert.equal(await late, null);
    assert.equal(runs, 2);
  },

  async 'jobs with the same key but different names are separate jobs'(tested, t) {
    const gate = createGate();
    gate.openAll();
    await workWith(tested, t, { 'revalidate-tag': gate.handle, 'fetch-blob': gate.handle });
    await Promise.all([
      tested.queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('same'))),
      tested.queue.run('fetch-blob', blobJob('b'), waiting(interactive('same'))),
    ]);
    assert.deepEqual(gate.ended.sort(), [blobJob('b').digest, 'v1'].sort());
  },

  async 'a call with the key of a job that has succeeded or failed starts a new job'(tested, t) {
    let calls = 0;
    await workWith(tested, t, {
      'revalidate-tag': async () => {
        calls += 1;
        if (calls === 2) throw new CacheError('upstream-timeout', 'Too slow.');
        return null;
      },
    });
    const run = () => tested.queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('a')));
    await run();
    await assert.rejects(run, (error) => isCacheError(error, 'upstream-timeout'));
    await run();
    assert.equal(calls, 3);
  },

  async 'every caller receives the complete CacheError'(tested, t) {
    const gate = createGate();
    await workWith(tested, t, {
      'revalidate-tag': async (payload, context) => {
        await gate.handle(payload, context);
        throw new CacheError('upstream-rate-limited', 'Docker Hub allows no more pulls.', {
          detail: { upstream: 'docker.io', remaining: 0 },
          retryable: true,
          retryAfterMs: 1500,
        });
      },
    });
    const waits = [1, 2, 3].map(async () =>
      tested.queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('a'))),
    );
    gate.open('v1');
    for (const outcome of await Promise.allSettled(waits)) {
      assert.equal(outcome.status, 'rejected');
      const error: unknown = outcome.reason;
      assert.ok(isCacheError(error, 'upstream-rate-limited'));
      assert.equal(error.message, 'Docker Hub allows no more pulls.');
      assert.deepEqual(error.detail, { upstream: 'docker.io', remaining: 0 });
      assert.equal(error.retryable, true);
      assert.equal(error.retryAfterMs, 1500);
    }
  },

  async 'another error arrives as a plain Error and affects no other job'(tested, t) {
    await workWith(tested, t, {
      'revalidate-tag': async () => {
        throw new TypeError('a bug');
      },
      // This function is not async, so it throws instead of returning a promise.
      'fetch-blob': () => {
        throw new TypeError('a worse bug');
      },
      'fetch-tags': async () => ({ tags: [] }),
    });
    const { queue } = tested;
    for (let round = 0; round < 3; round += 1) {
      for (const run of [
        async () => queue.run('revalidate-tag', tagJob('v1'), waiting(interactive('a'))),
        async () => queue.run('fetch-blob', blobJob('a'), waiting(interactive('a'))),
      ])
        await assert.rejects(
          run,
          (error) => error instanceof Error && !isCacheError(error) && /bug/.test(error.message),
        );
      // No caller waits for this job, and its failure must not surface anywhere.
      await queue.add('revalidate-tag', tagJob('v2'), interactive('b'));
    }
    assert.deepEqual(await queue.run('fetch-tags', tagsJob('x'), waiting(interactive('c'))), { tags: [] });
  },

  async 'a call rejects with overloaded after its timeout, and the job continues'(tested, t) {
    const gate = createGate();
    await workWith(tested, t, { 'revalidate-tag': gate.handle });
    const job = interactive('a');
    await assert.rejects(tested.queue.run('revalidate-tag', tagJob('v1'), { ...job, timeoutMs: 30 }), (error) =>
      isCacheError(error, 'overloaded'),
    );
    await until('the job runs', () => gate.started.length === 1);
    const joined = tested.queue.run('revalidate-tag', tagJob('v1'), waiting(job));
    gate.open('v1');
    await joined;
    assert.deepEqual(gate.ended, ['v1']);
  },

  async 'a signal rejects only its own call, with its reason, and no listener remains'(tested, t) {
    const gate = createGate();
    await workWith(tested, t, { 'revalidate-tag': gate.handle });
    const leaving = new AbortController();
    const staying = new AbortController();
    const job = waiting(interactive('a'));
    const left = tested.queue.run('revalidate-tag', tagJob('v1'), { ...job, signal: leaving.signal });
    const stayed = tested.queue.run('revalidate-tag', tagJob('v1'), { ...job, signal: staying.signal });
    await until('the job runs', () => gate.started.length === 1);
    leaving.abort(new RangeError('the client left'));
    await assert.rejects(left, /the client left/);
    assert.deepEqual(gate.ended, []);
    gate.open('v1');
    assert.equal(await stayed, null);
    for (const { signal } of [leaving, staying]) assert.deepEqual(getEventListeners(signal, 'abort'), []);
  },

  async 'a signal that is already aborted adds no job'(tested, t) {
    const gate = createGate();
    gate.openAll();
    await workWith(tested, t, { 'revalidate-tag': gate.handle });
    const signal = AbortSignal.abort(new RangeError('the client left'));
    await assert.rejects(
      tested.queue.run('revalidate-tag', tagJob('never'), { ...waiting(interactive('a')), signal }),
      /the client left/,
    );
    await tested.queue.run('revalidate-tag', tagJob('v2'), waiting(interactive('b')));
    assert.deepEqual(
      gate.started.map(({ name }) => name),
      ['v2'],
    );
  },
};
