// Checks at an upstream whether a caller may read. It runs on workers, because only workers send requests to upstreams. A slow
// upstream delays only its own checks, and a client network with many checks delays only its own.
import { createFairQueue, type FairQueue } from '@cistern/auth';
import type { RepositoryKey } from '@cistern/index';
import { CacheError } from '@cistern/errors';
import { createSingleFlight } from '@cistern/runtime';
import type { AccessGrant, AccessSubject, CallerCredentials } from '@cistern/upstream';
import { upstreamOf, type WorkDeps } from '../work/work-deps.ts';

export interface AccessQuestion extends RepositoryKey {
  readonly subject: AccessSubject;
  readonly caller: CallerCredentials;
  /** The client's network. Each network has its own queue of checks. */
  readonly network: string;
  /**
   * The URL of the registry that must answer. It differs from that of the worker if only one of the two nodes has reloaded. Unset
   * in questions of older nodes.
   */
  readonly url?: string | undefined;
}

/** Resolves if the caller may read. Rejects as `Upstream.checkAccess` does, and with `overloaded` if no worker can check. */
export type CheckAccess = (question: AccessQuestion) => Promise<AccessGrant>;

export interface CheckAccessDeps extends Pick<WorkDeps, 'upstreams'> {
  /** Returns the current URL of an upstream, or `undefined` if it is not configured. */
  readonly urlOf: (upstream: string) => string | undefined;
  /** Milliseconds on any clock. */
  readonly now: () => number;
}

/**
 * The limits of one upstream. It has 32 connections for checks, so 32 checks run at the same time. Each network has its own
 * queue.
 */
const queueLimits = { atOnce: 32, atOncePerNetwork: 4, maxWaiting: 1000, maxWaitingPerNetwork: 100 };
/**
 * How long a check waits in the queue. With the upstream's own timeout added, this is less than the time that a frontend waits
 * for a worker.
 */
const maxWaitMs = 20_000;

export function createCheckAccess(deps: CheckAccessDeps): CheckAccess {
  const { urlOf, now } = deps;
  const queues = new Map<string, FairQueue>();
  /** Shares checks in flight between equal questions. */
  const running = createSingleFlight<AccessGrant>();

  function checkOnce({ upstream, repository, subject, caller, url }: AccessQuestion): Promise<AccessGrant> {
    const current = urlOf(upstream);
    if (url !== undefined && url !== current) throw otherUrl(upstream);
    const key = JSON.stringify([upstream, repository, subject, caller, current]);
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

function otherUrl(upstream: string): CacheError {
  return new CacheError(
    'overloaded',
    `Upstream "${upstream}" has another URL in the configuration of the worker. Reload all nodes, and try again.`,
    // Another worker may have the URL of the question.
    { retryable: true, isLocal: true },
  );
}
