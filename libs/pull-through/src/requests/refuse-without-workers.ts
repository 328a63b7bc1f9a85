// Without a worker, requests fail at once: clients that could go to the origin do not wait for a job that no node will do.
import { CacheError } from '@cistern/errors';
import type { NodeIndex } from '@cistern/index';
import type { JobName, JobPayload, JobQueue } from '@cistern/jobs';

export interface WorkerWatch {
  /** Rejects with `overloaded` when no worker lives. An index that does not answer rejects nothing. */
  assertAlive(): Promise<void>;
}

/** How long an answer holds. While jobs are waited for, workers are counted as often. */
const holdsForMs = 1_000;

export function watchWorkers({ nodes }: { readonly nodes: Pick<NodeIndex, 'countWorkers'> }): WorkerWatch {
  let counted: { readonly workers: Promise<number | undefined>; readonly atMs: number } | undefined;

  function count(): Promise<number | undefined> {
    const nowMs = performance.now();
    if (counted === undefined || nowMs - counted.atMs >= holdsForMs) {
      const workers = nodes.countWorkers();
      workers.catch(() => {});
      counted = { workers, atMs: nowMs };
    }
    return counted.workers;
  }

  return {
    async assertAlive() {
      const workers = await count().catch(() => undefined);
      if (workers === 0) throw noWorkers();
    },
  };
}

/** A queue for clients: `add` and `run` reject with `overloaded` while no worker lives, `run` while it waits, too. */
export function refuseWithoutWorkers(queue: JobQueue, watch: WorkerWatch): JobQueue {
  return {
    ...queue,
    async add(name, payload, options) {
      await watch.assertAlive();
      await queue.add(name, payload, options);
    },
    async run<N extends JobName>(name: N, payload: JobPayload<N>, options: Parameters<JobQueue['run']>[2]) {
      await watch.assertAlive();
      const ending = new AbortController();
      const signal = options.signal === undefined ? ending.signal : AbortSignal.any([options.signal, ending.signal]);
      const timer = setInterval(() => {
        watch.assertAlive().catch((error: unknown) => ending.abort(error));
      }, holdsForMs);
      try {
        return await queue.run(name, payload, { ...options, signal });
      } finally {
        clearInterval(timer);
      }
    },
  };
}

function noWorkers(): CacheError {
  return new CacheError(
    'overloaded',
    'No worker is running, so nothing can be fetched from upstreams. Start a worker. Cached content is served meanwhile.',
    { retryable: true, retryAfterMs: 5_000 },
  );
}
