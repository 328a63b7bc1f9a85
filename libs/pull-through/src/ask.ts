// Asking workers: requests of this process for the same thing share one job and its answer, and a "no" about existence or
// rights is remembered for two seconds, for the same upstream and repository only.
import type { RepositoryKey } from '@cistern/cache-index';
import { type CacheError, isCacheError } from '@cistern/errors';
import type { JobName, JobPayload, JobQueue, JobResult } from '@cistern/jobs';
import { LRUCache } from 'lru-cache';

interface Asked<T> {
  readonly result: T;
  /** True if another request had asked already. */
  readonly joined: boolean;
}

interface AskOptions {
  /** What is asked for, within the repository. */
  readonly subject: string;
  /** Ask upstream even if it said no a moment ago. */
  readonly force?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Ask {
  <N extends JobName>(
    name: N,
    payload: JobPayload<N> & RepositoryKey,
    options: AskOptions,
  ): Promise<Asked<JobResult<N>>>;
}

const rememberNoMs = 2_000;
const maxRemembered = 10_000;
/** Upstream's own deadlines end a job sooner; this bounds the queue. containerd gives up after five minutes. */
const timeoutMs = 60_000;

export function createAsk({ queue, now }: { readonly queue: JobQueue; readonly now: () => number }): Ask {
  const inFlight = new Map<string, Promise<unknown>>();
  const refused = new LRUCache<string, CacheError>({
    max: maxRemembered,
    ttl: rememberNoMs,
    ttlResolution: 0,
    perf: { now },
  });

  return async function ask<N extends JobName>(name: N, payload: JobPayload<N> & RepositoryKey, options: AskOptions) {
    options.signal?.throwIfAborted();
    const key = askKey(name, payload, options.subject);
    const no = options.force === true ? undefined : refused.get(key);
    if (no !== undefined) throw no;
    const running = inFlight.get(key);
    const job = running ?? start(key, queue.run(name, payload, { dedupKey: key, class: 'interactive', timeoutMs }));
    const result = (await untilAborted(job, options.signal)) as JobResult<N>;
    return { result, joined: running !== undefined };
  };

  function start(key: string, job: Promise<unknown>): Promise<unknown> {
    const shared = job
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
      .finally(() => inFlight.delete(key));
    inFlight.set(key, shared);
    return shared;
  }
}

function askKey(name: JobName, { upstream, repository }: RepositoryKey, subject: string): string {
  return `${name} ${upstream}/${repository} ${subject}`;
}

/** One asker may leave; the job goes on for the others. `signal` is not aborted yet. */
function untilAborted<T>(job: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return job;
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    job.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
