// A health check that runs by itself now and then and forgives single failures, as registry:2's `health.storagedriver`
// (interval, threshold) does: probes then cost the store nothing, and one hiccup takes no node out of service.
import type { HealthCheck } from './health.ts';
import { within } from '../within.ts';

export interface PeriodicCheckOptions {
  readonly check: HealthCheck;
  readonly intervalMs: number;
  /** This many failures in a row make it unhealthy; one success heals. */
  readonly threshold: number;
  /** A check that takes longer has failed. */
  readonly limitMs?: number;
}

export interface PeriodicCheck {
  /** Rejects with the last failure while unhealthy. */
  readonly check: HealthCheck;
  /** Ends the checking. */
  close(): void;
}

/** The first check is after one interval. Does not keep the process alive. */
export function startPeriodicCheck(options: PeriodicCheckOptions): PeriodicCheck {
  const { check, intervalMs, threshold, limitMs = 10_000 } = options;
  let failures = 0;
  let lastFailure: unknown;
  let closed = false;
  let timer: NodeJS.Timeout;

  const run = async () => {
    try {
      await within(check(), limitMs);
      failures = 0;
    } catch (error) {
      failures += 1;
      lastFailure = error;
    }
    schedule();
  };
  const schedule = () => {
    if (!closed) timer = setTimeout(() => void run(), intervalMs).unref();
  };

  schedule();
  return {
    async check() {
      if (failures >= threshold) throw lastFailure;
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
