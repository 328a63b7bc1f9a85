// Runs jobs on workers for clients. Concurrent requests of this process for the same content share one job and its result. A
// refusal (not found, or denied) is remembered for two seconds, and counts only for the same upstream and repository.
import type { RepositoryKey } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import type { JobName, JobPayload, JobQueue, JobResult } from '@cistern/jobs';
import { createRecent, untilAborted } from '@cistern/runtime';
import { offlineError } from '../freshness/open-offline-switch.ts';

interface WorkerRequestOptions {
  /** The requested content within the repository. */
  readonly subject: string;
  /**
   * True if the result must be newer than this call. A remembered refusal or the result of a running job is then not enough.
   * All forced requests of all nodes that arrive before the next job begins share that job.
   */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The call rejects with `upstream-timeout` this long after the first request for the job. The job itself continues. */
  readonly patienceMs?: number | undefined;
}

interface Running {
  readonly job: Promise<unknown>;
  /** Start time on the monotonic clock. */
  readonly sinceMs: number;
}

export interface RequestFromWorkerDeps {
  readonly queue: JobQueue;
  readonly isOffline: (upstream: string) => boolean;
  readonly now: () => number;
}

/** Runs a job, or joins a running one. Rejects immediately with `upstream-unreachable` while the upstream is offline. */
export interface RequestFromWorker {
  <N extends JobName>(
    name: N,
    payload: JobPayload<N> & RepositoryKey,
    options: WorkerRequestOptions,
    /** `joined` is true if another request of this process was already waiting for the content. */
  ): Promise<{ readonly result: JobResult<N>; readonly joined: boolean }>;
}

const rememberNoMs = 2_000;
const maxRemembered = 10_000;
/**
 * Limits the wait in the queue. A running job ends sooner, because requests to upstreams have shorter timeouts. containerd
 * gives up after five minutes.
 */
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
      new CacheError('upstream-timeout', 'The upstream is slow to respond. Try again later.', { retryable: true }),
    );
  const timer = setTimeout(onLate, Math.max(0, patienceMs - (performance.now() - sinceMs)));
  return Promise.race([job, promise]).finally(() => clearTimeout(timer));
}

/** Returns the job key of a forced request. `key` is the job key of the same request without `force`. */
export function forcedRequestKey(key: string): string {
  return `now ${key}`;
}

/** Returns the job key. Jobs with the same key are one job. */
export function workerRequestKey(name: JobName, { upstream, repository }: RepositoryKey, subject: string): string {
  return `${name} ${upstream}/${repository} ${subject}`;
}
