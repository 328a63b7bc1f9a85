// Decides whether failures are caused by the registry or only by single repositories (decision 0053).
import type { RepositoryName } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';

/** The limit of failed connections in a row. A call counts after its retries, and any answer restarts the count. */
const maxConnectionFailures = 5;
/** The limit of failing repositories in a row. Any answer that is not a failure restarts the count. */
const maxFailingRepositories = 3;
const provenForMs = 3_600_000;
const maxProven = 10_000;

export interface BreakerEvidence {
  /** Records that the registry is healthy. `repository` is set if a call for that repository succeeded. */
  answered(repository: RepositoryName | undefined): void;
  /**
   * Records a failure. Returns true if a call for the repository has succeeded within the last hour. The failure then
   * counts against the registry.
   */
  repositoryFailed(repository: RepositoryName | undefined): boolean;
  connectionFailed(): void;
  /** Reports whether the failures show that the registry is unavailable. */
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
