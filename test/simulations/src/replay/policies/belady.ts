// A policy that knows the future. It evicts the object whose next pull is last. It does not add an object whose next
// pull comes after those of all cached objects. For objects of one size it would be optimal. For objects of different
// sizes it is a possible cache below the bound.
import type { CacheEvents } from '../cache-events.ts';
import { createRanked } from './create-ranked.ts';
import type { EvictionPolicy, PolicyOptions } from './eviction-policy.ts';

export function createBelady(options: PolicyOptions & { readonly events: CacheEvents }): EvictionPolicy {
  const next = nextPulls(options.events);
  const ranked = createRanked(options);
  return {
    has: ranked.has,
    pull(object, at) {
      if (!ranked.has(object)) return false;
      ranked.set(object, -next[at]!);
      return true;
    },
    add(object, at) {
      const worth = -next[at]!;
      if (worth > -Infinity && ranked.free(options.sizes[object]!, worth)) ranked.set(object, worth);
    },
  };
}

/**
 * Returns, for each event, the index of the next event at which a client requests its object. Infinity means that there
 * is none.
 */
function nextPulls({ objects, byClient }: CacheEvents): Float64Array {
  const next = new Float64Array(objects.length);
  const seen = new Map<number, number>();
  for (let at = objects.length - 1; at >= 0; at -= 1) {
    next[at] = seen.get(objects[at]!) ?? Infinity;
    if (byClient[at]) seen.set(objects[at]!, at);
  }
  return next;
}
