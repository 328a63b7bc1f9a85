// Keeps the failure of a repository to itself. After three failures in a row of one of its endpoints, calls fail from here for a
// while. So clients that retry neither add load nor open the registry's circuit breaker (decision 0053).
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import type { UpstreamOperation } from '@cistern/telemetry';
import { nameUpstream, type UpstreamIdentity } from '../transport/transport.ts';

export interface RememberedFailures {
  /**
   * Throws `upstream-unreachable` while a failure holds. After that one call may pass, and others still get the failure until
   * it has an answer.
   */
  begin(call: RepositoryCall): RepositoryAttempt;
}

interface RepositoryAttempt {
  answered(): void;
  /** Returns for how long the failure holds, in milliseconds. `why` follows the name of the upstream. */
  failed(why: string, retryAfterMs: number | undefined): number;
}

interface RepositoryCall {
  readonly operation: UpstreamOperation;
  readonly repository?: RepositoryName | undefined;
}

interface Failure {
  readonly why: string;
  readonly untilMs: number;
  /** In a row. */
  readonly count: number;
}

/** One blob that breaks off, or a stumble, holds up no other. */
const freeFailures = 2;
/** Doubles with each further failure in a row: a registry that stumbles is asked again soon, a repository that is broken seldom. */
const firstHoldMs = 1_000;
const longestHoldMs = 30_000;
/** After this long without news the next failure is a first one. */
const forgottenAfterMs = 2 * longestHoldMs;
/** Clients choose repositories. */
const maxFailures = 1_024;

const endpoints: Readonly<Partial<Record<UpstreamOperation, string>>> = {
  'get-manifest': 'manifests',
  'head-manifest': 'manifests',
  'get-blob': 'blobs',
  'head-blob': 'blobs',
  'list-tags': 'tags',
  'list-referrers': 'referrers',
};

/** `clock`: milliseconds since the epoch. */
export function rememberFailures(upstream: UpstreamIdentity, clock: () => number): RememberedFailures {
  const failures = createRecent<string, Failure>({ max: maxFailures, ttlMs: forgottenAfterMs, now: clock });
  return {
    begin({ operation, repository = '' }) {
      const subject = `${endpoints[operation] ?? operation} of ${repository}`;
      const known = failures.get(subject);
      const waitMs = (known?.untilMs ?? 0) - clock();
      if (known !== undefined && waitMs > 0) throw toError(upstream, subject, known, waitMs);
      if (known !== undefined) failures.set(subject, { ...known, untilMs: clock() + holdMs(known.count) });
      // Calls that fail at the same time are one failure.
      const count = (known?.count ?? 0) + 1;
      return {
        answered: () => void failures.delete(subject),
        failed(why, retryAfterMs = 0) {
          const forMs = Math.max(holdMs(count), Math.min(retryAfterMs, longestHoldMs));
          failures.set(subject, { why, count, untilMs: clock() + forMs });
          return forMs;
        },
      };
    },
  };
}

function holdMs(count: number): number {
  if (count <= freeFailures) return 0;
  return Math.min(firstHoldMs * 2 ** (count - freeFailures - 1), longestHoldMs);
}

function toError(upstream: UpstreamIdentity, subject: string, { why }: Failure, waitMs: number): CacheError {
  const seconds = Math.ceil(waitMs / 1000);
  return new CacheError(
    'upstream-unreachable',
    `${nameUpstream(upstream)} ${why} when asked for ${subject}. It is asked for them again in ${seconds} s.`,
    { detail: { upstream: upstream.name }, retryable: true, retryAfterMs: waitMs },
  );
}
