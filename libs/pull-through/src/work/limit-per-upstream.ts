// Limits the job slots that short jobs of one upstream take on a worker, so that a slow upstream does not block other
// upstreams.
import { CacheError } from '@cistern/errors';
import { type JobClass, jobGroup, type JobHandlers, wrapHandlers } from '@cistern/jobs';

/** The most short jobs for one upstream that run at the same time. Most upstreams have fewer connections than that. */
const mostInHand: Readonly<Record<JobClass, number>> = { interactive: 128, background: 32 };
/**
 * Wraps the handlers. While 128 interactive short jobs for an upstream run, or 32 background ones, further jobs of that class
 * immediately reject with `overloaded`. Callers then fall back to cached content.
 */
export function limitPerUpstream(handlers: JobHandlers): JobHandlers {
  const inHand = { interactive: new Map<string, number>(), background: new Map<string, number>() };
  return wrapHandlers(handlers, (handle, name) => {
    // Fetches of blobs do not count, because they are parked or have their own slots.
    if (jobGroup(name) === 'blob') return handle;
    return async (payload, context) => {
      if (!('upstream' in payload)) return handle(payload, context);
      const { upstream } = payload;
      const counts = inHand[context.class];
      const before = counts.get(upstream) ?? 0;
      if (before >= mostInHand[context.class]) throw tooManyInHand(upstream, before);
      counts.set(upstream, before + 1);
      try {
        return await handle(payload, context);
      } finally {
        counts.set(upstream, counts.get(upstream)! - 1);
      }
    };
  });
}

function tooManyInHand(upstream: string, jobs: number): CacheError {
  const message = `${jobs} requests to ${upstream} wait for a response on this worker. Try again in a moment.`;
  return new CacheError('overloaded', message, { retryable: true, retryAfterMs: 1_000 });
}
