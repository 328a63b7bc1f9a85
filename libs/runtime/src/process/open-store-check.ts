// The periodic check of the store.
import { openPoll } from '../open-poll.ts';
import { within } from '../within.ts';

export interface StoreCheckOptions {
  readonly check: () => Promise<void>;
  readonly intervalMs: number;
  /**
   * The node is unready after this number of consecutive failures. Before the first success one failure is enough. One success
   * makes it ready again.
   */
  readonly threshold: number;
  /** The timeout of a check. */
  readonly limitMs?: number;
}

export interface StoreCheck {
  /** Resolves after the first check. `undefined` means that the last check succeeded. */
  failure(): Promise<StoreFailure | undefined>;
  /** Returns the milliseconds of a check if the last two were slow, the shorter time of both. */
  slowMs(): number | undefined;
  close(): Promise<void>;
}

interface StoreFailure {
  readonly error: unknown;
  readonly isUnready: boolean;
}

const slowFromMs = 2_000;

/**
 * Checks the store at an interval, as registry:2's `health.storagedriver` (interval, threshold). So health requests cause no
 * requests to the store, and one short failure takes no node out of service. A node that starts while the store is unavailable
 * reports this at its first check. The caller closes the check.
 */
export function openStoreCheck({ check, intervalMs, threshold, limitMs = 3_000 }: StoreCheckOptions): StoreCheck {
  let failures = 0;
  let lastFailure: unknown;
  let hasSucceeded = false;
  let slowMs: number | undefined;

  async function measure(): Promise<number> {
    const startedAt = performance.now();
    await within(check(), limitMs);
    return performance.now() - startedAt;
  }

  const poll = openPoll({
    everyMs: intervalMs,
    async check() {
      const firstMs = await measure();
      // One slow check may have any cause, so another one follows immediately.
      const ms = firstMs < slowFromMs ? firstMs : Math.min(firstMs, await measure());
      slowMs = ms < slowFromMs ? undefined : ms;
      failures = 0;
      hasSucceeded = true;
    },
    onFailure(error) {
      slowMs = undefined;
      failures += 1;
      lastFailure = error;
    },
  });
  const first = poll.check();
  return {
    async failure() {
      await first;
      if (failures === 0) return undefined;
      return { error: lastFailure, isUnready: failures >= (hasSucceeded ? threshold : 1) };
    },
    slowMs: () => slowMs,
    close: () => poll.close(),
  };
}
