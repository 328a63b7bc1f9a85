// The losses of a Redis that was flushed: the index is not complete, and each shard settles from the first look at it.
import { type Digest, digestHex } from '@cistern/oci';
import type { EpochIndex } from '../cache-index.ts';

export interface Losses {
  readonly epoch: EpochIndex;
  begin(): void;
  /** 0: the owner of a fill of this digest has put its record back by now, if there was one. */
  unsettledForMs(digest: Digest): number;
}

/** As of the index in Redis. */
const settleMs = 2500;

export function createLosses(now: () => number): Losses {
  let losses = 0;
  let complete = String(losses);
  /** Since when shards are settling: all of them, and those that were claimed of before that. */
  let settlingSinceMs: number | undefined = -Infinity;
  const shards = new Map<string, number>();

  return {
    epoch: {
      async settle() {
        settlingSinceMs ??= now();
      },
      isComplete: async () => complete === String(losses),
      async current() {
        settlingSinceMs ??= now();
        return String(losses);
      },
      async markComplete(epoch) {
        if (epoch !== String(losses)) return false;
        complete = epoch;
        return true;
      },
    },
    begin() {
      losses += 1;
      settlingSinceMs = undefined;
      shards.clear();
    },
    unsettledForMs(digest) {
      const shard = digestHex(digest).slice(0, 2);
      const sinceMs = shards.get(shard) ?? settlingSinceMs ?? now();
      shards.set(shard, sinceMs);
      return Math.max(0, Math.min(settleMs, sinceMs + settleMs - now()));
    },
  };
}
