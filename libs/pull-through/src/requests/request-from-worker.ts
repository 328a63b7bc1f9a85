// Asking workers: requests of this process for the same thing share one job and its answer, and a "no" about existence or
// rights is remembered for two seconds, for the same upstream and repository only.
import type { RepositoryKey } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobName, JobPayload, JobQueue, JobResult } from '@cistern/jobs';
import { createRecent, untilAborted } from '@cistern/runtime';
import { offlineError } from '../freshness/open-offline-switch.ts';

interface WorkerRequestOptions {
  /** What is asked for, within the repository. */
  readonly subject: string;
  /**
   * Upstream's word from now on: neither a no that is remembered nor the answer to a job that has begun will do. All that ask so
   * by the time it begins, on all nodes, share the next job.
   */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Wait no longer than this since the first of us asked, and reject with `upstream-timeout` then. The job goes on. */
  readonly patienceMs?: number | undefined;
}

interface Running {
  readonly job: Promise<unknown>;
  /** On the monotonic clock. */
  readonly sinceMs: number;
}

export interface RequestFromWorkerDeps {
  readonly queue: JobQueue;
  readonly isOffline: (upstream: string) => boolean;
  readonly now: () => number;
}

/** Rejects at once with `upstream-unreachable` while the upstream is offline: all that is asked for here is from there. */
export interface RequestFromWorker {
  <N extends JobName>(
    name: N,
    payload: JobPayload<N> & RepositoryKey,
    options: WorkerRequestOptions,
    /** `joined`: another request had begun the job already. */
  ): Promise<{ readonly result: JobResult<N>; readonly joined: boolean }>;
}

const rememberNoMs = 2_000;
const maxRemembered = 10_000;
/** Upstream's own deadlines end a job sooner; this bounds the queue. containerd gives up after five minutes. */
const timeoutMs = 60_000;

export function createRequestFromWorker({ queue, isOffline, now }: RequestFromWorkerDeps): RequestFromWorker {
  const inFlight = new Map<string, Running>();
  const refused = createRecent<string, CacheError>({ max: maxRemembered, ttlMs: rememberNoMs, now });

  return async function requestFromWorker<N extends JobName>(
    name: N,
    payload: JobPayload<N> & RepositoryKey,
    options: WorkerRequestOptions,
  ) {
    options.signal?.throwIfAborted();
    if (isOffline(payload.upstream)) throw offlineError(payload.upstream);
    const key = workerRequestKey(name, payload, options.subject);
    const force = options.force === true;
    const no = force ? undefined : refused.get(key);
    if (no !== undefined) throw no;
    const known = inFlight.get(key);
    const forced = { dedupKey: forcedRequestKey(key), joins: 'waiting' } as const;
    const run = () =>
      queue.run(name, payload, { ...(force ? forced : { dedupKey: key }), class: 'interactive', timeoutMs });
    const running = known === undefined || force ? start(key, run()) : known;
    const result = (await untilAborted(patient(running, options.patienceMs), options.signal)) as JobResult<N>;
    return { result, joined: known !== undefined };
  };

  function start(key: string, run: Promise<unknown>): Running {
    const job = run
      .then(
        (result) => {
          refused.delete(key);
          return result;
        },
        (error: unknown) => {
          if (isCacheError(error, 'manifest-unknown', 'blob-unknown', 'name-unknown', 'denied'))
            refused.set(key, error);
          throw error;
        },
      )
      .finally(() => {
        if (inFlight.get(key) === running) inFlight.delete(key);
      });
    const running: Running = { job, sinceMs: performance.now() };
    inFlight.set(key, running);
    return running;
  }
}

function patient({ job, sinceMs }: Running, patienceMs: number | undefined): Promise<unknown> {
  if (patienceMs === undefined) return job;
  const { promise, reject } = Promise.withResolvers<never>();
  const onLate = () =>
    reject(
      new CacheError('upstream-timeout', 'The upstream takes long to answer. Try again later.', { retryable: true }),
    );
  const timer = setTimeout(onLate, Math.max(0, patienceMs - (performance.now() - sinceMs)));
  return Promise.race([job, promise]).finally(() => clearTimeout(timer));
}

/** `key`: of the same request by clients who may be content with what was confirmed a moment ago. */
export function forcedRequestKey(key: string): string {
  return `now ${key}`;
}

/** Under which a job is one with others. */
export function workerRequestKey(name: JobName, { upstream, repository }: RepositoryKey, subject: string): string {
  return `${name} ${upstream}/${repository} ${subject}`;
}
