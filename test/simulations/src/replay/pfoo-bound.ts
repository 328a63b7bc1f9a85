// The upper bound for every policy: PFOO-L of Berger, Beckmann and Harchol-Balter, "Practical bounds on optimal caching
// with variable object sizes" (SIGMETRICS 2018). A hit keeps an object from one event to the next, so it occupies its
// bytes for that time. All hits together cannot occupy more than the whole cache for the whole time. The bound takes
// the cheapest hits that fill it.
import type { CacheEvents } from './cache-events.ts';

export interface Bound {
  /** The most hits among clients' requests. */
  readonly hits: number;
  readonly hitBytes: number;
}

/** Returns the bound for a capacity in bytes. */
export function createPfooBound(
  { objects, byClient }: Pick<CacheEvents, 'objects' | 'byClient'>,
  sizes: readonly number[],
): (capacity: number) => Bound {
  const costs = new Float64Array(objects.length);
  /** Bytes of the hits that span a given number of events. Within one span all bytes cost the same. */
  const bytesBySpan = new Float64Array(objects.length);
  const last = new Map<number, number>();
  let intervals = 0;
  objects.forEach((object, at) => {
    const before = last.get(object);
    last.set(object, at);
    if (before === undefined || !byClient[at]) return;
    const size = sizes[object]!;
    costs[intervals] = size * (at - before);
    intervals += 1;
    bytesBySpan[at - before]! += size;
  });
  const ascending = costs.subarray(0, intervals).sort();
  return (capacity) => {
    const space = capacity * objects.length;
    return { hits: countWithin(ascending, space), hitBytes: bytesWithin(bytesBySpan, space) };
  };
}

/** A hit that fits in part counts fully. */
function countWithin(ascending: Float64Array, space: number): number {
  let left = space;
  let count = 0;
  for (; count < ascending.length && left > 0; count += 1) left -= ascending[count]!;
  return count;
}

function bytesWithin(bytesBySpan: Float64Array, space: number): number {
  let left = space;
  let sum = 0;
  for (let span = 1; span < bytesBySpan.length && left > 0; span += 1) {
    const bytes = Math.min(bytesBySpan[span]!, left / span);
    sum += bytes;
    left -= bytes * span;
  }
  return sum;
}
