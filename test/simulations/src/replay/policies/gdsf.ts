// Greedy-Dual-Size-Frequency (Cherkasova, "Improving WWW proxies performance with Greedy-Dual-Size-Frequency caching
// policy", 1998). The worth of an object is its number of pulls times the cost of a miss per byte. The worth of the
// last victim is added, so that objects age. If a miss costs its bytes, the policy is LFU with dynamic ageing.
import type { ObjectId } from '../catalogue.ts';
import { createRanked } from './create-ranked.ts';
import type { EvictionPolicy, PolicyOptions } from './eviction-policy.ts';

export interface GdsfOptions extends PolicyOptions {
  readonly missCosts: 'one' | 'its bytes';
}

export function createGdsf({ capacity, sizes, missCosts }: GdsfOptions): EvictionPolicy {
  const pulls = new Map<ObjectId, number>();
  let age = 0;
  const ranked = createRanked({
    capacity,
    sizes,
    onEvicted(object, worth) {
      age = worth;
      pulls.delete(object);
    },
  });
  const perByte = (object: ObjectId): number => (missCosts === 'one' ? 1 / Math.max(1, sizes[object]!) : 1);

  function count(object: ObjectId): void {
    const counted = (pulls.get(object) ?? 0) + 1;
    pulls.set(object, counted);
    ranked.set(object, age + counted * perByte(object));
  }

  return {
    has: ranked.has,
    pull(object) {
      if (!ranked.has(object)) return false;
      count(object);
      return true;
    },
    add(object) {
      if (ranked.free(sizes[object]!)) count(object);
    },
  };
}
