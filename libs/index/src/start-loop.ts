// Runs the repeated work of workers, one loop for each kind of work. If the same failure repeats, only the first is
// logged.
import { setTimeout as delay } from 'node:timers/promises';
import { isExplained } from '@cistern/telemetry';
import type { IndexLog } from './cache-index.ts';
import { type LeaseIndex, withLease } from './leases.ts';

export interface Loop {
  /** Name of the loop in the log and of its lease. */
  readonly name: string;
  /**
   * Duration of the lease under which only one process at a time does the work. If this process dies, the work pauses
   * until the lease expires. Unset means that all processes do the work.
   */
  readonly leaseMs?: number;
  /** Delay before the first step. Default: 0. */
  readonly firstMs?: number;
  /** The pause after a failure, and between two attempts to take a lease that another process holds. */
  readonly retryMs: number;
  /**
   * Does one step of the work. Resolves to the pause before the next step in milliseconds. After a rejection, the next
   * step must resume where this step stopped.
   */
  readonly step: (signal: AbortSignal) => Promise<number>;
  /** Called when this process stops the work: after a failed step, after the loss of the lease, and at `close`. */
  readonly onRest?: () => void;
}

interface LoopDeps {
  readonly index: { readonly leases: LeaseIndex };
  readonly log: IndexLog;
}

/** Starts the loop. `close` aborts the running step and resolves when the step has ended. */
export function startLoop(
  { index, log }: LoopDeps,
  { name, leaseMs, firstMs = 0, retryMs, step, onRest }: Loop,
): { close(): Promise<void> } {
  const closing = new AbortController();
  const { signal } = closing;
  const pause = (ms: number) => delay(ms, undefined, { signal }).catch(() => {});
  /** Message of the last failure. Unset after a successful step, and after a failure that lines of an outage report. */
  let failure: string | undefined;

  async function repeat(held: AbortSignal): Promise<never> {
    try {
      for (;;) {
        const pauseMs = await step(held);
        failure = undefined;
        await delay(pauseMs, undefined, { signal: held });
      }
    } finally {
      onRest?.();
    }
  }

  async function run(): Promise<void> {
    if (firstMs > 0) await pause(firstMs);
    while (!signal.aborted) {
      try {
        await (leaseMs === undefined ? repeat(signal) : withLease({ index, name, leaseMs, signal }, repeat));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        const fields = { err: error, retryMs };
        const isReported = isExplained(log, fields);
        if (!signal.aborted && message !== failure) log.warn(fields, `${name} failed, will retry`);
        failure = isReported ? undefined : message;
      }
      await pause(retryMs);
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
    },
  };
}
