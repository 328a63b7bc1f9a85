// Decides when failures are caused by the registry and no longer by single repositories (decision 0053).
import type { RepositoryName } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';

/** Limits failed connections in a row: calls after their retries, without an answer between them. */
const maxConnectionFailures = 5;
/** Limits failing repositories in a row, without a success of any repository between them. */
const maxFailingRepositories = 3;
const provenForMs = 3_600_000;
const maxProven = 10_000;

export interface BreakerEvidence {
  /** Records that the registry is healthy. `repository` is the one whose call succeeded. */
  answered(repository: RepositoryName | undefined): void;
  /**
   * Records a failure. Returns true if the repository had succeeded within the hour: then the failure counts for the
   * registry.
   */
  repositoryFailed(repository: RepositoryName | undefined): boolean;
  connectionFailed(): void;
  /** Whether the registry counts as unavailable. */
  isConclusive(): boolean;
}

/** `clock` returns milliseconds since the epoch. */
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
