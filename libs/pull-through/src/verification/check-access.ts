// Checks at an upstream whether a caller may read. Only workers talk to upstreams. A slow upstream delays only its own checks,
// and a busy client network delays only its own.
import { createFairQueue, type FairQueue } from '@cistern/auth';
import type { RepositoryKey } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import { createSingleFlight } from '@cistern/runtime';
import type { AccessGrant, AccessSubject, CallerCredentials } from '@cistern/upstream';
import { upstreamOf, type WorkDeps } from '../work/work-deps.ts';

export interface AccessQuestion extends RepositoryKey {
  readonly subject: AccessSubject;
  readonly caller: CallerCredentials;
  /** The client's network. Checks wait in one queue for each network. */
  readonly network: string;
}

/** Resolves if the caller may read. Rejects as `Upstream.checkAccess` does, and with `overloaded` if no worker can check. */
export type CheckAccess = (question: AccessQuestion) => Promise<AccessGrant>;

export interface CheckAccessDeps extends Pick<WorkDeps, 'upstreams'> {
  /** Milliseconds. */
  readonly now: () => number;
}

/** Limits for each upstream. As many checks run at the same time as it has connections for them. Each network has its own queue. */
const queueLimits = { atOnce: 32, atOncePerNetwork: 4, maxWaiting: 1000, maxWaitingPerNetwork: 100 };
/** Together with the upstream's own timeout this is less than a frontend waits for a worker. */
const maxWaitMs = 20_000;

export function createCheckAccess(deps: CheckAccessDeps): CheckAccess {
  const { now } = deps;
  const queues = new Map<string, FairQueue>();
  /** Checks in flight. */
  const running = createSingleFlight<AccessGrant>();

  function checkOnce({ upstream, repository, subject, caller }: AccessQuestion): Promise<AccessGrant> {
    const key = JSON.stringify([upstream, repository, subject, caller]);
    return running(key, undefined, () => upstreamOf(deps, upstream).checkAccess(repository, subject, caller));
  }

  return async (question) => {
    const { upstream, network } = question;
    const refusal = () =>
      new CacheError('overloaded', `Too many access checks wait for upstream "${upstream}". Try again in a moment.`, {
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
