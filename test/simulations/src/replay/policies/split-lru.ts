// Least recently used, with a share of the room kept for what is small: manifests and configs, whose misses cost a request of
// upstream each and hardly a byte.
import type { EvictionPolicy, PolicyOptions } from './eviction-policy.ts';
import { createLru } from './lru.ts';

const smallBytes = 64 * 1024;
const smallShare = 0.01;

export function createSplitLru({ capacity, sizes }: PolicyOptions): EvictionPolicy {
  const small = createLru({ capacity: capacity * smallShare, sizes });
  const large = createLru({ capacity: capacity * (1 - smallShare), sizes });
  const of = (object: number): EvictionPolicy => (sizes[object]! < smallBytes ? small : large);
  return {
    has: (object) => of(object).has(object),
    pull: (object, at) => of(object).pull(object, at),
    add: (object, at) => of(object).add(object, at),
  };
}
