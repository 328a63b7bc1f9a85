// Creates the index of a test cluster, with the faults of a real shared index. It can lose all its data, delay or lose
// announcements, and be unavailable.
import type { CacheIndex } from '@cistern/index';
import { type PubSubFaults, type IndexFaults, createIndexServer, withFaults } from '@cistern/index/testing';

export interface SharedIndex {
  readonly index: CacheIndex;
  readonly now: () => number;
  readonly faults: IndexFaults;
  readonly pubsub: PubSubFaults;
  /** Advances the clock immediately, so that leases and records expire. */
  advance(ms: number): void;
  /**
   * Removes all data, as FLUSHALL does. After that, claims wait until the owners of running fills have restored their records.
   */
  loseData(): void;
}

export interface SkippedClock {
  readonly now: () => number;
  /** Advances the clock immediately. */
  advance(ms: number): void;
}

export interface ClusterIndex {
  readonly index: CacheIndex;
  /** The clock that all users of the index share. */
  readonly clock: SkippedClock;
}

export function createSkippedClock(): SkippedClock {
  let skippedMs = 0;
  return {
    now: () => Date.now() + skippedMs,
    advance(ms) {
      skippedMs += ms;
    },
  };
}

/** `over` is used instead of an index in memory. Such an index cannot lose its data. */
export function createSharedIndex(over?: ClusterIndex): SharedIndex {
  const { clock } = over ?? { clock: createSkippedClock() };
  const { now, advance } = clock;
  const pubsub = { lost: false, lateMs: 0, subscribed: 0 };
  const faults = { failing: false, pubsub };
  const server = createIndexServer({ now });
  return {
    index: over === undefined ? server.connect(faults) : withFaults(over.index, faults),
    now,
    faults,
    pubsub,
    advance,
    loseData() {
      if (over !== undefined) throw new Error('only an index in memory can lose its data');
      server.loseData();
    },
  };
}
