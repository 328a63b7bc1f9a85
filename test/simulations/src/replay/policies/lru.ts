// Least recently used: evicts the object whose last pull is the oldest.
import type { ObjectId } from '../catalogue.ts';
import type { EvictionPolicy, PolicyOptions } from './eviction-policy.ts';

export function createLru({ capacity, sizes }: PolicyOptions): EvictionPolicy {
  /** A set keeps the order of insertion, so the first object is the least recent. */
  const present = new Set<ObjectId>();
  let bytes = 0;

  return {
    has: (object) => present.has(object),
    pull(object) {
      if (!present.delete(object)) return false;
      present.add(object);
      return true;
    },
    add(object) {
      const size = sizes[object]!;
      if (size > capacity) return;
      for (const victim of present) {
        if (bytes + size <= capacity) break;
        present.delete(victim);
        bytes -= sizes[victim]!;
      }
      present.add(object);
      bytes += size;
    },
  };
}
