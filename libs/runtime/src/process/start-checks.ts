// The health checks of a node.
import { openPoll } from '../open-poll.ts';
import { within } from '../within.ts';
import type { HealthCheck } from './health.ts';

/** `health` of the configuration. */
export interface HealthSettings {
  readonly storageDriver: { readonly enabled: boolean; readonly intervalMs: number; readonly threshold: number };
}

export interface Checkable {
  /** Reject when the store or the index cannot do its work now. */
  checkStore(): Promise<void>;
  /** Rejects while the store can take no more. */
  checkRoom(): Promise<void>;
  checkIndex(): Promise<void>;
  /** Rejects while no worker lives. Unset where this process works itself. */
  checkWorkers?(): Promise<void>;
}

export interface NodeChecks {
  readonly byName: Readonly<Record<string, HealthCheck>>;
  /** What of the parts does not work fully: the node serves all the same. */
  readonly degraded: Readonly<Record<string, HealthCheck>>;
  /** Ends those that run by themselves. */
  close(): void;
}

/** The store is looked at now and then, as the configuration says; the index is checked each time. */
export function startChecks(
  { storageDriver }: HealthSettings,
  { checkStore, checkRoom, checkIndex, checkWorkers }: Checkable,
): NodeChecks {
  const { enabled, intervalMs, threshold } = storageDriver;
  const store = enabled ? startPeriodicCheck({ check: checkStore, intervalMs, threshold }) : undefined;
  return {
    byName: { index: checkIndex, ...(store && { store: store.check }) },
    degraded: { store: checkRoom, ...(checkWorkers && { workers: checkWorkers }) },
    close: () => store?.close(),
  };
}

export interface PeriodicCheckOptions {
  readonly check: HealthCheck;
  readonly intervalMs: number;
  /** This many failures in a row make it unhealthy, one before the first success; one success heals. */
  readonly threshold: number;
  /** A check that takes longer has failed. */
  readonly limitMs?: number;
}

/**
 * A health check that runs by itself now and then and forgives single failures, as registry:2's `health.storagedriver`
 * (interval, threshold) does. Probes then cost the store nothing, and one hiccup takes no node out of service. A node that starts
 * while the store is unavailable says so at once. `check` rejects with the last failure while unhealthy.
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
