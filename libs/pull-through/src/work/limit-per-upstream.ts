// Short jobs of one upstream take a part of a worker's slots, so an upstream that answers late blocks no other one.
import { CacheError } from '@cistern/errors';
import type { JobClass, JobHandler, JobHandlers, JobName } from '@cistern/jobs';

/** Jobs in hand for one upstream. Most upstreams get fewer connections. */
const mostInHand: Readonly<Record<JobClass, number>> = { interactive: 128, background: 32 };
/** The first one parks, the second one has slots of its own. */
const unlimited: ReadonlySet<string> = new Set<JobName>(['fetch-blob', 'prewarm-blobs']);

/**
 * The same handlers. While 128 short jobs are in hand for an upstream, 32 in the background, further ones reject with `overloaded` at
 * once. Callers fall back to cached content.
 */
export function limitPerUpstream(handlers: JobHandlers): JobHandlers {
  const inHand = { interactive: new Map<string, number>(), background: new Map<string, number>() };
  const limited = Object.entries(handlers).map(([name, handle]) => {
    if (unlimited.has(name)) return [name, handle];
    const limit: JobHandler<JobName> = async (payload, context) => {
      if (!('upstream' in payload)) return (handle as JobHandler<JobName>)(payload, context);
      const { upstream } = payload;
      const counts = inHand[context.class];
      const before = counts.get(upstream) ?? 0;
      if (before >= mostInHand[context.class]) throw tooManyInHand(upstream, before);
      counts.set(upstream, before + 1);
      try {
        return await (handle as JobHandler<JobName>)(payload, context);
      } finally {
        counts.set(upstream, counts.get(upstream)! - 1);
      }
    };
    return [name, limit];
  });
  return Object.fromEntries(limited) as JobHandlers;
}

function tooManyInHand(upstream: string, jobs: number): CacheError {
  const message = `${jobs} requests to ${upstream} wait for its answer on this worker. Try again in a moment.`;
  return new CacheError('overloaded', message, { retryable: true, retryAfterMs: 1_000 });
}
