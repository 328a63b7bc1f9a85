// Limits a failure to its repository. After three failures in a row of one endpoint of a repository, further calls to
// that endpoint fail for a while without a request. So clients that retry neither add load nor open the registry's
// circuit breaker (decision 0053).
import { CacheError } from '@cistern/errors';
import type { RepositoryName } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import type { UpstreamOperation } from '@cistern/telemetry';
import { nameUpstream, type UpstreamIdentity } from '../transport/transport.ts';

export interface RememberedFailures {
  /**
   * Throws `upstream-unreachable` while a failure is remembered. After that time one call may pass. Other calls still
   * fail until that call has an answer, but at most for the same time again.
   */
  begin(call: RepositoryCall): RepositoryAttempt;
}

interface RepositoryAttempt {
  answered(): void;
  /**
   * Records a failure. Returns how long it is remembered, in milliseconds. `why` follows the name of the upstream in
   * the message.
   */
  failed(why: string, retryAfterMs: number | undefined): number;
}

interface RepositoryCall {
  readonly operation: UpstreamOperation;
  readonly repository?: RepositoryName | undefined;
}

interface Failure {
  readonly why: string;
  readonly untilMs: number;
  /** Failures in a row. */
  readonly count: number;
}

/** The first failures in a row are not remembered: one broken blob or a short fault must not block other calls. */
const toleratedFailures = 2;
/**
 * How long the first failure above `toleratedFailures` is remembered. The time doubles with each further failure in a
 * row. So a registry with a short fault is tried again soon, and a broken repository rarely.
 */
const firstHoldMs = 1_000;
const longestHoldMs = 30_000;
/** After this time without a result, earlier failures are forgotten. */
const forgottenAfterMs = 2 * longestHoldMs;
/** Limits the remembered failures, because clients choose the repositories. */
const maxFailures = 1_024;

const endpoints: Readonly<Partial<Record<UpstreamOperation, string>>> = {
  'get-manifest': 'manifests',
  'head-manifest': 'manifests',
  'get-blob': 'blobs',
  'head-blob': 'blobs',
  'list-tags': 'tags',
  'list-referrers': 'referrers',
};

/** `clock` returns milliseconds since the epoch. */
export function rememberFailures(upstream: UpstreamIdentity, clock: () => number): RememberedFailures {
  const failures = createRecent<string, Failure>({ max: maxFailures, ttlMs: forgottenAfterMs, now: clock });
  return {
    begin({ operation, repository = '' }) {
      const subject = `${endpoints[operation] ?? operation} of ${repository}`;
      const known = failures.get(subject);
      const waitMs = (known?.untilMs ?? 0) - clock();
      if (known !== undefined && waitMs > 0) throw toError(upstream, subject, known, waitMs);
      if (known !== undefined) failures.set(subject, { ...known, untilMs: clock() + holdMs(known.count) });
      // Calls that fail at the same time count as one failure.
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
  if (count <= toleratedFailures) return 0;
  return Math.min(firstHoldMs * 2 ** (count - toleratedFailures - 1), longestHoldMs);
}

function toError(upstream: UpstreamIdentity, subject: string, { why }: Failure, waitMs: number): CacheError {
  const seconds = Math.ceil(waitMs / 1000);
  return new CacheError(
    'upstream-unreachable',
    `${nameUpstream(upstream)} ${why} for ${subject}. Requests for them resume in ${seconds} s.`,
    { detail: { upstream: upstream.name }, retryable: true, retryAfterMs: waitMs },
  );
}
