// Asks an upstream whether a caller may read. Only workers talk to upstreams. A slow upstream keeps only its own questions
// waiting, and a client network that asks much only its own.
import { createFairQueue, type FairQueue } from '@cistern/auth';
import type { RepositoryKey } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import { createSingleFlight } from '@cistern/runtime';
import type { AccessGrant, AccessSubject, CallerCredentials } from '@cistern/upstream';
import { upstreamOf, type WorkDeps } from '../work/work-deps.ts';

export interface AccessQuestion extends RepositoryKey {
  readonly subject: AccessSubject;
  readonly caller: CallerCredentials;
  /** The client's, whose turn it is. */
  readonly network: string;
}

/** Resolves if the caller may; rejects as `Upstream.checkAccess`, and with `overloaded` where there is nobody to ask. */
export type CheckAccess = (question: AccessQuestion) => Promise<AccessGrant>;

export interface CheckAccessDeps extends Pick<WorkDeps, 'upstreams'> {
  /** Milliseconds. */
  readonly now: () => number;
}

/** Each upstream has as many at once as it has connections for them. The others wait, and those of one network in one line. */
const queueLimits = { atOnce: 32, atOncePerNetwork: 4, maxWaiting: 1000, maxWaitingPerNetwork: 100 };
/** With the upstream's own time for an answer this is less than a frontend waits for a worker. */
const maxWaitMs = 20_000;

export function createCheckAccess(deps: CheckAccessDeps): CheckAccess {
  const { now } = deps;
  const queues = new Map<string, FairQueue>();
  /** Questions that are at their upstreams. */
  const running = createSingleFlight<AccessGrant>();

  function checkOnce({ upstream, repository, subject, caller }: AccessQuestion): Promise<AccessGrant> {
    const key = JSON.stringify([upstream, repository, subject, caller]);
    return running(key, undefined, () => upstreamOf(deps, upstream).checkAccess(repository, subject, caller));
  }

  return async (question) => {
    const { upstream, network } = question;
    const refusal = () =>
      new CacheError('overloaded', `Too many questions wait for upstream "${upstream}"; try again in a moment.`, {
        retryable: true,
      });
    const queue = queues.get(upstream) ?? createFairQueue({ ...queueLimits, refusal });
    queues.set(upstream, queue);
    const sinceMs = now();
    return queue.run(network, async () => {
      if (now() - sinceMs > maxWaitMs) throw refusal();
      return checkOnce(question);
    });
  };
}
