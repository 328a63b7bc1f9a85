// Decides when failures are the registry's and no longer those of single repositories (decision 0053).
import type { RepositoryName } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';

/** Failed connections of calls, each with its retries, without an answer between them. */
const maxConnectionFailures = 5;
/** Repositories that fail, without a success of any between them. */
const maxFailingRepositories = 3;
const provenForMs = 3_600_000;
const maxProven = 10_000;

export interface BreakerEvidence {
  /** The registry is well. `repository`: which of its has succeeded. */
  answered(repository: RepositoryName | undefined): void;
  /** True: it had succeeded within the hour, so this says something about the registry. */
  repositoryFailed(repository: RepositoryName | undefined): boolean;
  connectionFailed(): void;
  /** Whether the registry counts as down. */
  isConclusive(): boolean;
}

/** `clock`: milliseconds since the epoch. */
export function collectEvidence(clock: () => number): BreakerEvidence {
  const proven = createRecent<RepositoryName, true>({ max: maxProven, ttlMs: provenForMs, now: clock });
  const failing = new Set<RepositoryName>();
  let connectionFailures = 0;
  return {
    answered(repository) {
      connectionFailures = 0;
      failing.clear();
      if (repository !== undefined) proven.set(repository, true);
    },
    repositoryFailed(repository) {
      connectionFailures = 0;
      const isProven = repository !== undefined && proven.has(repository);
      if (isProven) failing.add(repository);
      return isProven;
    },
    connectionFailed() {
      connectionFailures += 1;
    },
    isConclusive: () => connectionFailures >= maxConnectionFailures || failing.size >= maxFailingRepositories,
  };
}
