import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobQueue } from '@cistern/jobs';
import { parseDigest } from '@cistern/oci';
import { createRequestFromWorker } from './request-from-worker.ts';
import { repositoryOf } from '@cistern/index/testing';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const payload = { ...repositoryOf('docker.io', 'library/nginx'), digest };

/** Starts a queue whose jobs the test ends. */
function startQueue() {
  const jobs: PromiseWithResolvers<null>[] = [];
  const queue = {
    async add() {},
    run() {
      const job = Promise.withResolvers<null>();
      jobs.push(job);
      return job.promise;
    },
  } as unknown as JobQueue;
  const clock = { nowMs: 1_700_000_000_000 };
  const offline = new Set<string>();
  const request = createRequestFromWorker({
    queue,
    isOffline: (upstream) => offline.has(upstream),
    now: () => clock.nowMs,
  });
  return { request, jobs, clock, offline };
}

const unknown = new CacheError('blob-unknown', 'no such blob');
const isLate = (error: unknown) => isCacheError(error, 'upstream-timeout');
const isUnknown = (error: unknown) => isCacheError(error, 'blob-unknown');

test('a request of a client that has already left starts no job', async () => {
  const { request, jobs } = startQueue();
  const signal = AbortSignal.abort(new Error('the client has left'));
  await assert.rejects(() => request('stat-blob', payload, { subject: digest, signal }), /the client has left/);
  assert.equal(jobs.length, 0);
});

test('a job continues for other requests when a client leaves, and its failure after all have left is handled', async () => {
  const { request, jobs } = startQueue();
  const leaving = new AbortController();
  const first = request('stat-blob', payload, { subject: digest, signal: leaving.signal });
  const second = request('stat-blob', payload, { subject: digest, signal: leaving.signal });
  leaving.abort(new Error('the client has left'));
  await assert.rejects(first, /the client has left/);
  await assert.rejects(second, /the client has left/);
  const third = request('stat-blob', payload, { subject: digest });
  assert.equal(jobs.length, 1);
  jobs[0]!.resolve(null);
  assert.equal((await third).joined, true);
  const alone = request('stat-blob', payload, { subject: digest, signal: AbortSignal.abort() });
  await assert.rejects(alone);
  const late = new AbortController();
  const last = request('stat-blob', payload, { subject: digest, signal: late.signal });
  late.abort(new Error('the client has left'));
  await assert.rejects(last);
  jobs[1]!.reject(unknown);
  // An unhandled rejection would fail the test.
  await new Promise(setImmediate);
});

test('a refusal is forgotten after two seconds, and when a forced request succeeds', async () => {
  const { request, jobs, clock } = startQueue();
  const answer = async (job: number, error?: Error) => {
    while (jobs[job] === undefined) await new Promise(setImmediate);
    if (error === undefined) jobs[job].resolve(null);
    else jobs[job].reject(error);
  };
  const refused = request('stat-blob', payload, { subject: digest });
  await Promise.all([assert.rejects(refused, isUnknown), answer(0, unknown)]);
  await assert.rejects(() => request('stat-blob', payload, { subject: digest }), isUnknown);
  assert.equal(jobs.length, 1);
  await Promise.all([request('stat-blob', payload, { subject: digest, force: true }), answer(1)]);
  await Promise.all([request('stat-blob', payload, { subject: digest }), answer(2)]);
  const again = request('stat-blob', payload, { subject: digest });
  await Promise.all([assert.rejects(again, isUnknown), answer(3, unknown)]);
  clock.nowMs += 2_001;
  await Promise.all([request('stat-blob', payload, { subject: digest }), answer(4)]);
});

test('a request with a short patience does not wait for a slow job, which continues, and later requests do not wait again', async (t) => {
  const { request, jobs } = startQueue();
  const patient = request('stat-blob', payload, { subject: digest });
  const timers = t.mock.method(globalThis, 'setTimeout');
  const waitedMs = () => timers.mock.calls.at(-1)?.arguments[1] ?? Number.NaN;
  await assert.rejects(() => request('stat-blob', payload, { subject: digest, patienceMs: 100 }), isLate);
  await assert.rejects(() => request('stat-blob', payload, { subject: digest, patienceMs: 100 }), isLate);
  // A timer may be a little early.
  assert.ok(waitedMs() < 10, `${waitedMs()} ms`);
  assert.equal(jobs.length, 1);
  jobs[0]?.resolve(null);
  assert.deepEqual(await patient, { result: null, joined: false });
});

test('an offline upstream gets no requests', async () => {
  const { request, jobs, offline } = startQueue();
  offline.add('docker.io');
  await assert.rejects(
    () => request('stat-blob', payload, { subject: digest, force: true }),
    (error) => isCacheError(error, 'upstream-unreachable'),
  );
  assert.equal(jobs.length, 0);
});
