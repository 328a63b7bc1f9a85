// Asks an upstream whether a caller may read. Only workers talk to upstreams. A slow upstream keeps only its own questions
// waiting, and a client network that asks much only its own.
import type { RepositoryKey } from '@cistern/cache-index';
import { CacheError } from '@cistern/errors';
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

/** Runs tasks of client networks in turn. */
interface Turns {
  run<T>(network: string, task: () => Promise<T>): Promise<T>;
}

export interface CheckAccessDeps extends Pick<WorkDeps, 'upstreams'> {
  /** For one upstream. */
  readonly createTurns: (refusal: () => Error) => Turns;
  /** Milliseconds. */
  readonly now: () => number;
}

/** With the upstream's own time for an answer this is less than a frontend waits for a worker. */
const maxWaitMs = 20_000;

export function createCheckAccess(deps: CheckAccessDeps): CheckAccess {
  const { createTurns, now } = deps;
  const turnsOf = new Map<string, Turns>();
  /** Questions that are at their upstreams. */
  const running = new Map<string, Promise<AccessGrant>>();

  function askOnce({ upstream, repository, subject, caller }: AccessQuestion): Promise<AccessGrant> {
    const key = JSON.stringify([upstream, repository, subject, caller]);
    const known = running.get(key);
    if (known !== undefined) return known;
    const asking = upstreamOf(deps, upstream)
      .checkAccess(repository, subject, caller)
      .finally(() => running.delete(key));
    running.set(key, asking);
    return asking;
  }

  return async (question) => {
    const { upstream, network } = question;
    const refusal = () =>
      new CacheError('overloaded', `Too many questions wait for upstream "${upstream}"; try again in a moment.`, {
        retryable: true,
      });
    const turns = turnsOf.get(upstream) ?? createTurns(refusal);
    turnsOf.set(upstream, turns);
    const askedAtMs = now();
    return turns.run(network, async () => {
      if (now() - askedAtMs > maxWaitMs) throw refusal();
      return askOnce(question);
    });
  };
}
