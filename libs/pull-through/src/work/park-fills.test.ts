import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf } from '@cistern/oci';
import type { JobOptions, JobPayload, JobQueue } from '@cistern/jobs';
import { completeHandlers } from '@cistern/jobs/conformance';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { createLogger } from '@cistern/telemetry';
import { type FillContext, parkFills } from './park-fills.ts';

const log = createLogger({ level: 'error', formatter: 'json' });
const signal = new AbortController().signal;
const context = { class: 'interactive', signal } as const;

interface Running {
  readonly digest: string;
  readonly context: FillContext;
  end(): void;
}

function startParking({ slots = 2 } = {}) {
  const running: Running[] = [];
  const added: { readonly job: JobPayload<'fetch-blob'>; readonly options: JobOptions }[] = [];
  const queue = {
    async add(_name: string, job: JobPayload<'fetch-blob'>, options: JobOptions) {
      added.push({ job, options });
    },
  } as unknown as JobQueue;
  const handlers = completeHandlers({
    async 'fetch-blob'({ digest }, given) {
      const ended = Promise.withResolvers<void>();
      given.signal.addEventListener('abort', () => ended.reject(given.signal.reason));
      running.push({ digest, context: given, end: ended.resolve });
      await ended.promise;
      return null;
    },
  });
  const parked = parkFills({ handlers, slots: { interactive: slots, background: slots }, queue, log });
  const park = async (name: string, jobClass: 'interactive' | 'background' = 'interactive', upstream = 'docker.io') =>
    parked.handlers['fetch-blob'](jobOf(name, upstream), { ...context, class: jobClass });
  return { parked, running, added, park };
}

function jobOf(name: string, upstream = 'docker.io'): JobPayload<'fetch-blob'> {
  return { ...repositoryOf(upstream, 'library/nginx'), digest: digestOf(Buffer.from(name)), replaces: 0, from: 0 };
}

test('a job ends once its fetch is parked, however many fetches run', async () => {
  const { park, running } = startParking();
  for (let number = 0; number < 10; number += 1) await park(`blob ${number}`);
  await until(() => running.length === 2);
  running[0]?.end();
  await until(() => running.length === 3);
});

test('a fetch that frees its slot continues, and closing waits for it', async () => {
  const { parked, park, running } = startParking({ slots: 1 });
  await park('first');
  await park('second');
  await until(() => running.length === 1);
  running[0]?.context.freeSlot?.();
  running[0]?.context.freeSlot?.();
  await until(() => running.length === 2);
  await park('third');
  let closed = false;
  const closing = parked.close(60_000).then(() => (closed = true));
  running[1]?.end();
  await new Promise(setImmediate);
  assert.deepEqual([running.length, closed], [2, false]);
  running[0]?.end();
  await closing;
});

test('a client does not wait for the place of its fetch in the background queue', async () => {
  const { park, running } = startParking({ slots: 1 });
  await park('early', 'background');
  await park('wanted', 'background');
  await until(() => running.length === 1);
  await park('wanted');
  await until(() => running.length === 2);
  assert.equal(running[1]?.context.class, 'interactive');
});

test('a worker that shuts down returns parked fetches immediately, and aborted ones later', async () => {
  const { parked, park, running, added } = startParking({ slots: 1 });
  await park('running');
  await park('parked');
  await park('early', 'background');
  await until(() => running.length === 2);
  await park('later', 'background');
  const closing = parked.close(5_000);
  await until(() => added.length === 2);
  assert.deepEqual(
    added.map(({ job, options }) => [job.digest, options.dedupKey, options.class]),
    [
      [jobOf('parked').digest, `${jobOf('parked').digest}.0`, 'interactive'],
      [jobOf('later').digest, `${jobOf('later').digest}.0`, 'background'],
    ],
  );
  await closing;
  assert.equal(running.length, 2);
  assert.ok(running.every(({ context: { signal: ending } }) => ending.aborted));
  assert.equal(added.length, 4);
  await assert.rejects(park('too late'), /shutting down/);
});
