// The health checks of a node.
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
  /** Checks of parts that do not work fully, while the node still serves. */
  readonly degraded: Readonly<Record<string, HealthCheck>>;
  /** Ends the periodic checks. */
  close(): void;
}

/** Checks the store periodically, at the configured interval. Checks the index at each request. */
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
   * The number of consecutive failures that make it unhealthy; one before the first success. One success makes it
   * healthy.
   */
  readonly threshold: number;
  /** The timeout of a check. */
  readonly limitMs?: number;
}

/**
 * Starts a periodic health check that ignores single failures, as registry:2's `health.storagedriver` (interval,
 * threshold). Probes then cost the store nothing, and one short failure takes no node out of service. A node that
 * starts while the store is unavailable reports it immediately. `check` rejects with the last failure while unhealthy.
 */
export function startPeriodicCheck(options: PeriodicCheckOptions) {
  const { check, intervalMs, threshold, limitMs = 10_000 } = options;
  let failures = 0;
  let lastFailure: unknown;
  let hasSucceeded = false;
  const poll = openPoll({
    everyMs: intervalMs,
    async look() {
      await within(check(), limitMs);
      failures = 0;
      hasSucceeded = true;
    },
    onFailure(error) {
      failures += 1;
      lastFailure = error;
    },
  });
  const first = poll.look();
  return {
    async check(): Promise<void> {
      await first;
      if (failures >= (hasSucceeded ? threshold : 1)) throw lastFailure;
    },
    close: () => void poll.close(),
  };
}
