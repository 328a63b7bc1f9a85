// Least recently used, with a share of the capacity reserved for small objects: manifests and configs. Each miss on
// these costs an upstream request and few bytes.
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
