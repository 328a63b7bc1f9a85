// What a node's health is made of.
import type { HealthCheck } from './health.ts';
import { startPeriodicCheck } from './periodic-check.ts';

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
}

export interface NodeChecks {
  readonly byName: Readonly<Record<string, HealthCheck>>;
  /** What of the parts does not work fully: the node serves all the same. */
  readonly degraded: Readonly<Record<string, HealthCheck>>;
  /** Ends those that run by themselves. */
  close(): void;
}

/** The store is looked at now and then, as the configuration says; the index is asked each time. */
export function startChecks(
  { storageDriver }: HealthSettings,
  { checkStore, checkRoom, checkIndex }: Checkable,
): NodeChecks {
  const { enabled, intervalMs, threshold } = storageDriver;
  const store = enabled ? startPeriodicCheck({ check: checkStore, intervalMs, threshold }) : undefined;
  return {
    byName: { index: checkIndex, ...(store && { store: store.check }) },
    degraded: { store: checkRoom },
    close: () => store?.close(),
  };
}
