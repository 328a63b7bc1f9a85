// Workers repeat some work for ever, each kind in a loop of its own. A failure is logged once, however often it repeats.
import { setTimeout as delay } from 'node:timers/promises';
import type { IndexLog } from './cache-index.ts';
import { type LeaseIndex, withLease } from './leases.ts';

export interface Loop {
  /** In the log, and of the lease. */
  readonly name: string;
  /** One process does the work, and it rests that long when that process has died. Unset means that all processes do it. */
  readonly leaseMs?: number;
  /** Default: the first step comes at once. */
  readonly firstMs?: number;
  /** The pause after a failure, and between two looks whether another process still does it. */
  readonly retryMs: number;
  /** Resolves to the pause after it, in milliseconds. The next step goes on where one that rejects has stopped. */
  readonly step: (signal: AbortSignal) => Promise<number>;
  /** Called when this process does not do it any more. */
  readonly onRest?: () => void;
}

interface LoopDeps {
  readonly index: { readonly leases: LeaseIndex };
  readonly log: IndexLog;
}

/** `close` aborts the step under way, and resolves once that has ended. */
export function startLoop({ index, log }: LoopDeps, loop: Loop): { close(): Promise<void> } {
  const { name, leaseMs, firstMs = 0, retryMs, step, onRest } = loop;
  const closing = new AbortController();
  const { signal } = closing;
  const pause = (ms: number) => delay(ms, undefined, { signal }).catch(() => {});
  /** Why the last try failed. */
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
        if (!signal.aborted && message !== failure) log.warn({ err: error, retryMs }, `${name} failed, will retry`);
        failure = message;
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
