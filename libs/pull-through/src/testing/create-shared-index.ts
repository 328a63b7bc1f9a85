// The index of a test cluster: in memory, and with what befalls a shared one. It can lose all its data, its announcements
// can be late or lost, and it can be out of reach.
import { type MemoryIndexFaults, createMemoryIndex } from '@cistern/cache-index/memory';
import type { CacheIndex } from '@cistern/cache-index';

export interface SharedIndex {
  readonly index: CacheIndex;
  readonly now: () => number;
  readonly faults: MemoryIndexFaults;
  readonly announcements: { lost: boolean; lateMs: number; readonly subscribed: number };
  /** Time goes on at once: leases and records end. */
  skip(ms: number): void;
  /** Forgets everything, as FLUSHALL does. Claims then wait for the owners of fills in flight. */
  loseData(): void;
}

export interface SkippedClock {
  readonly now: () => number;
  /** Time goes on at once. */
  skip(ms: number): void;
}

export interface ClusterIndex {
  readonly index: CacheIndex;
  /** Of everybody who uses it. */
  readonly clock: SkippedClock;
}

export function createSkippedClock(): SkippedClock {
  let skippedMs = 0;
  return {
    now: () => Date.now() + skippedMs,
    skip(ms) {
      skippedMs += ms;
    },
  };
}

/** Longer than two heartbeats. */
const settleMs = 2_500;

/** `over`: another index than one in memory; it has no `faults`, and what is in memory comes after it when it loses its data. */
export function createSharedIndex(over?: ClusterIndex): SharedIndex {
  const { clock } = over ?? { clock: createSkippedClock() };
  let settledAtMs = 0;
  let subscribed = 0;
  const { now } = clock;
  const faults: MemoryIndexFaults = { failing: false };
  const first = over?.index ?? createMemoryIndex({ now, faults });
  let current = first;
  const spoilt = { lost: false, lateMs: 0 };

  const announcements: CacheIndex['announcements'] = {
    async publish(...given) {
      if (spoilt.lost) return;
      if (spoilt.lateMs === 0) return first.announcements.publish(...given);
      setTimeout(() => void first.announcements.publish(...given).catch(() => {}), spoilt.lateMs);
    },
    async subscribe(...given) {
      const unsubscribe = await first.announcements.subscribe(...given);
      subscribed += 1;
      return () => {
        subscribed -= 1;
        unsubscribe();
      };
    },
  };

  const claim: CacheIndex['fills']['claim'] = async (given) => {
    const unsettledForMs = settledAtMs - Date.now();
    if (unsettledForMs > 0 && (await current.fills.read(given.digest)) === undefined) return { unsettledForMs };
    return current.fills.claim(given);
  };

  const index = new Proxy(first, {
    get(_, key) {
      if (key === 'announcements') return announcements;
      if (key === 'fills') return { ...current.fills, claim };
      return Reflect.get(current, key);
    },
  });

  return {
    index,
    now,
    faults,
    announcements: Object.defineProperty(spoilt, 'subscribed', { get: () => subscribed }) as never,
    skip: clock.skip,
    loseData() {
      current = createMemoryIndex({ now, faults });
      settledAtMs = Date.now() + settleMs;
    },
  };
}
