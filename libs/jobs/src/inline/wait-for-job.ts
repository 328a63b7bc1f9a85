// One asker's wait for a job. It may end before the job does, and leaves no timer, listener or waiter behind.
import { CacheError } from '@cistern/errors';
import type { JobName, JobResult } from '../catalogue.ts';
import type { InlineJob, Waiter } from './inline-job.ts';

/** The caller knows that `job` is of the name `N`. */
export async function waitForJob<N extends JobName>(
  job: InlineJob,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<JobResult<N>> {
  const { promise, resolve, reject } = Promise.withResolvers<JobResult<N>>();
  const waiter: Waiter = { resolve, reject };
  function onAbort(): void {
    reject(signal?.reason);
  }
  const timer = setTimeout(() => {
    const message = `The cache is busy: a "${job.name}" job did not end within ${timeoutMs} ms. Try again.`;
    reject(new CacheError('overloaded', message, { retryable: true }));
  }, timeoutMs);
  signal?.addEventListener('abort', onAbort);
  job.waiters.add(waiter);
  try {
    return await promise;
  } finally {
    job.waiters.delete(waiter);
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  }
}
