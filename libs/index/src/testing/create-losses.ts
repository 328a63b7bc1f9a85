// Simulates losses of data like those of Redis. After a loss the index is not complete, and the wait of claims begins
// with the first call.
import type { EpochIndex } from '../cache-index.ts';

export interface Losses {
  readonly epoch: EpochIndex;
  begin(): void;
  /**
   * Returns how long a claim that finds no record must wait. 0 means that the owner has had time to restore the record.
   */
  unsettledForMs(): number;
}

/** How long claims wait after a loss. The same as for the index in Redis. */
export const settleMs = 1200;

export function createLosses(now: () => number): Losses {
  let losses = 0;
  let complete = String(losses);
  const marks = new Set<string>();
  let settlingSinceMs: number | undefined = -Infinity;

  return {
    epoch: {
      isComplete: async () => complete === String(losses),
      async current() {
        settlingSinceMs ??= now();
        return String(losses);
      },
      marks: async (epoch) => new Set(epoch === String(losses) ? marks : []),
      hasMark: async (epoch, name) => epoch === String(losses) && marks.has(name),
      async mark(epoch, name) {
        if (epoch === String(losses)) marks.add(name);
      },
      async markComplete(epoch) {
        if (epoch !== String(losses)) return false;
        complete = epoch;
        return true;
      },
    },
    begin() {
      losses += 1;
      marks.clear();
      settlingSinceMs = undefined;
    },
    unsettledForMs() {
      settlingSinceMs ??= now();
      return Math.max(0, Math.min(settleMs, settlingSinceMs + settleMs - now()));
    },
  };
}
