// Creates the health checks of a node.
import { openPoll } from '../open-poll.ts';
import { within } from '../within.ts';
import type { HealthCheck } from './health.ts';

/** The section `health` of the configuration. */
export interface HealthSettings {
  readonly storageDriver: { readonly enabled: boolean; readonly intervalMs: number; readonly threshold: number };
}

export interface Checkable {
  /** Rejects while the store does not work. */
  checkStore(): Promise<void>;
  /** Rejects while the store is full. */
  checkFreeSpace(): Promise<void>;
  checkIndex(): Promise<void>;
  /** Rejects while no worker is alive. Unset if this process is a worker itself. */
  checkWorkers?(): Promise<void>;
}

export interface NodeChecks {
  readonly byName: Readonly<Record<string, HealthCheck>>;
  /** Checks whose failures are reported but do not make the node unready. */
  readonly degraded: Readonly<Record<string, HealthCheck>>;
  /** Ends the periodic checks. */
  close(): void;
}

/**
 * Checks the store at the configured interval, and everything else at each health request. The caller closes the
 * checks.
 */
export function startChecks(
  { storageDriver }: HealthSettings,
  { checkStore, checkFreeSpace, checkIndex, checkWorkers }: Checkable,
): NodeChecks {
  const { enabled, intervalMs, threshold } = storageDriver;
  const store = enabled ? startPeriodicCheck({ check: checkStore, intervalMs, threshold }) : undefined;
  return {
    byName: { index: checkIndex, ...(store && { store: store.check }) },
    degraded: { store: checkFreeSpace, ...(checkWorkers && { workers: checkWorkers }) },
    close: () => store?.close(),
  };
}

export interface PeriodicCheckOptions {
  readonly check: HealthCheck;
  readonly intervalMs: number;
  /**
   * The part is unhealthy after this number of consecutive failures. Before the first success one failure is enough.
   * One success makes the part healthy again.
   */
  readonly threshold: number;
  /** The timeout of a check. */
  readonly limitMs?: number;
}

/**
 * Starts a periodic health check that ignores single failures, as registry:2's `health.storagedriver` (interval,
 * threshold). So health requests cause no requests to the store, and one short failure takes no node out of service. A
 * node that starts while the store is unavailable reports this at its first check. While the part is unhealthy, the
 * returned `check` rejects with the last failure.
 */
export function startPeriodicCheck(options: PeriodicCheckOptions) {
  const { check, intervalMs, threshold, limitMs = 10_000 } = options;
  let failures = 0;
  let lastFailure: unknown;
  let hasSucceeded = false;
  const poll = openPoll({
    everyMs: intervalMs,
    async check() {
      await within(check(), limitMs);
      failures = 0;
      hasSucceeded = true;
    },
    onFailure(error) {
      failures += 1;
      lastFailure = error;
    },
  });
  const first = poll.check();
  return {
    async check(): Promise<void> {
      await first;
      if (failures >= (hasSucceeded ? threshold : 1)) throw lastFailure;
    },
    close: () => void poll.close(),
  };
}
