// Rejects requests immediately while no worker is running. So clients that can fall back to the origin do not wait for a job
// that never runs.
import { CacheError } from '@cistern/errors';
import type { NodeIndex } from '@cistern/index';
import type { JobName, JobPayload, JobQueue } from '@cistern/jobs';

export interface WorkerWatch {
  /** Rejects with `overloaded` if no worker is running. Resolves if the index is unavailable. */
  assertAlive(): Promise<void>;
}

/** How long a count of the workers is used. A request that waits for a job also counts the workers at this interval. */
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

/**
 * Wraps the queue for clients. `add` and `run` reject with `overloaded` if no worker is running. `run` also rejects if that
 * happens while it waits.
 */
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
    'No worker is running, so nothing can be fetched from upstreams. Start a worker. Cached content is still served.',
    { retryable: true, retryAfterMs: 5_000 },
  );
}
