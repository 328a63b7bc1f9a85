// Jobs and handlers for the conformance suite.
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { digestOf, parseRepositoryName, parseTag } from '@cistern/oci';
import type { JobPayload } from '../catalogue.ts';
import type { JobClass, JobContext, JobHandlers, JobOptions, JobWorkers } from '../job-queue.ts';
import type { JobsUnderTest } from './jobs-under-test.ts';

const repository = { upstream: 'docker.io', repository: parseRepositoryName('library/nginx') };

export function tagJob(tag: string): JobPayload<'revalidate-tag'> {
  return { ...repository, tag: parseTag(tag), by: 'head' };
}

export function blobJob(seed: string): JobPayload<'fetch-blob'> {
  return { ...repository, digest: digestOf(Buffer.from(seed)), replaces: 0, from: 0 };
}

export function tagsJob(last: string): JobPayload<'fetch-tags'> {
  return { ...repository, last, n: 10 };
}

export function interactive(dedupKey: string): JobOptions {
  return { dedupKey, class: 'interactive' };
}

export function background(dedupKey: string): JobOptions {
  return { dedupKey, class: 'background' };
}

/** Adds a timeout for `run`. It is long enough for every adapter, so a test that reaches it fails. */
export function waiting(options: JobOptions): JobOptions & { readonly timeoutMs: number } {
  return { ...options, timeoutMs: 60_000 };
}

async function unexpected(): Promise<never> {
  throw new Error('this test expects no such job');
}

/** Adds failing handlers for all other names of jobs. */
export function completeHandlers(handlers: Partial<JobHandlers>): JobHandlers {
  return {
    'fetch-blob': unexpected,
    'fetch-manifest': unexpected,
    'stat-blob': unexpected,
    'revalidate-tag': unexpected,
    'fetch-tags': unexpected,
    'fetch-referrers': unexpected,
    'find-worker': unexpected,
    'fetch-issuer-keys': unexpected,
    'prewarm-tag': unexpected,
    'prewarm-blobs': unexpected,
    ...handlers,
  };
}

/** Starts workers with these handlers and failing ones for all other jobs. Closes the workers after the test. */
export async function workWith(
  tested: JobsUnderTest,
  t: TestContext,
  handlers: Partial<JobHandlers>,
): Promise<JobWorkers> {
  const workers = await tested.work(completeHandlers(handlers));
  t.after(async () => workers.close(0));
  return workers;
}

export interface Gate {
  /** Handles `revalidate-tag` and `fetch-blob`: adds the job to `started` and waits until `open`. */
  handle(payload: object, context: JobContext): Promise<null>;
  readonly started: { readonly name: string; readonly class: JobClass }[];
  readonly ended: string[];
  /** Lets the job with this tag or digest end. */
  open(name: string): void;
  openAll(): void;
}

/** Creates a handler that holds its jobs until the test lets them end, or until they are aborted. */
export function createGate(): Gate {
  const gates = new Map<string, PromiseWithResolvers<void>>();
  let allOpen = false;
  function gateOf(name: string): PromiseWithResolvers<void> {
    const gate = gates.get(name) ?? Promise.withResolvers<void>();
    gates.set(name, gate);
    return gate;
  }
  const gate: Gate = {
    started: [],
    ended: [],
    async handle(payload, { class: jobClass, signal }) {
      const name = String('tag' in payload ? payload.tag : 'digest' in payload && payload.digest);
      gate.started.push({ name, class: jobClass });
      const aborted = Promise.withResolvers<never>();
      // Workers may end after the handler has stopped waiting for it.
      aborted.promise.catch(() => {});
      signal.addEventListener('abort', () => aborted.reject(signal.reason), { once: true });
      if (!allOpen) await Promise.race([gateOf(name).promise, aborted.promise]);
      gate.ended.push(name);
      return null;
    },
    open: (name) => gateOf(name).resolve(),
    openAll() {
      allOpen = true;
      for (const { resolve } of gates.values()) resolve();
    },
  };
  return gate;
}

/** Waits for a condition, and fails the test if it stays false. */
export async function until(description: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`timed out: ${description}`);
    await delay(2);
  }
}
