// Short jobs of one upstream take a part of a worker's slots, so an upstream that answers late blocks no other one.
import { CacheError } from '@cistern/errors';
import { type JobClass, jobGroup, type JobHandlers, wrapHandlers } from '@cistern/jobs';

/** Jobs in hand for one upstream. Most upstreams get fewer connections. */
const mostInHand: Readonly<Record<JobClass, number>> = { interactive: 128, background: 32 };
/**
 * The same handlers. While 128 short jobs are in hand for an upstream, 32 in the background, further ones reject with `overloaded` at
 * once. Callers fall back to cached content.
 */
export function limitPerUpstream(handlers: JobHandlers): JobHandlers {
  const inHand = { interactive: new Map<string, number>(), background: new Map<string, number>() };
  return wrapHandlers(handlers, (handle, name) => {
    // Fetches of blobs are parked or have slots of their own.
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
  const message = `${jobs} requests to ${upstream} wait for its answer on this worker. Try again in a moment.`;
  return new CacheError('overloaded', message, { retryable: true, retryAfterMs: 1_000 });
}
