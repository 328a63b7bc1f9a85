// The losses of a Redis that was flushed: the index is not complete, and it settles from the first look at it.
import type { EpochIndex } from '../cache-index.ts';

export interface Losses {
  readonly epoch: EpochIndex;
  begin(): void;
  /** For a claim that finds no record. 0: its owner has put it back by now, if there was one. */
  unsettledForMs(): number;
}

/** As of the index in Redis. */
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
