// Simulates the losses of a flushed Redis: the index is incomplete, and it settles from the first call on.
import type { EpochIndex } from '../cache-index.ts';

export interface Losses {
  readonly epoch: EpochIndex;
  begin(): void;
  /** For a claim that finds no record. 0 means that the owner has had time to put it back. */
  unsettledForMs(): number;
}

/** The same as for the index in Redis. */
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
