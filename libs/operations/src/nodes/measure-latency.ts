// Computes the distribution of the times to first byte in the last minute, and its quantiles. The input are counters that only
// grow.

type Latencies = ReadonlyMap<string, number>;

const windowMs = 60_000;

/**
 * Returns a function that takes the counts since the start of the process, and returns the counts of the last minute. `now`
 * returns milliseconds.
 */
export function createLatencyWindow(now: () => number): (counted: Latencies) => Record<string, number> {
  const samples: { readonly atMs: number; readonly counted: Latencies }[] = [];
  return (counted) => {
    const atMs = now();
    samples.push({ atMs, counted });
    // The first sample that is kept is the last one that is at least a minute old.
    while (samples.length > 1 && samples[1]!.atMs <= atMs - windowMs) samples.shift();
    const first = samples[0]!.atMs <= atMs - windowMs ? samples[0]!.counted : undefined;
    const added = [...counted].map(([le, count]) => [le, count - (first?.get(le) ?? 0)] as const);
    return added.some(([, count]) => count > 0) ? Object.fromEntries(added) : {};
  };
}

const countPrefix = 'ttfb ';

/** Returns the buckets as counts of a node, which the index adds up. */
export function latencyCounts(latencies: Latencies): Record<string, number> {
  return Object.fromEntries([...latencies].map(([le, count]) => [countPrefix + le, count]));
}

/** Reverses `latencyCounts`. Ignores other counts. */
export function latenciesOf(counts: Readonly<Record<string, number>>): Record<string, number> {
  const buckets = Object.entries(counts).filter(([name]) => name.startsWith(countPrefix));
  return Object.fromEntries(buckets.map(([name, count]) => [name.slice(countPrefix.length), count]));
}

/**
 * Returns the quantile `share` (0 to 1) of the time to first byte, in milliseconds. It interpolates linearly within a bucket, as
 * Prometheus does. Returns `undefined` if there were no responses.
 */
export function latencyQuantileMs(latencies: Readonly<Record<string, number>>, share: number): number | undefined {
  const buckets = Object.entries(latencies)
    .map(([le, count]) => ({ bound: le === '+Inf' ? Infinity : Number(le), count }))
    .toSorted((one, other) => one.bound - other.bound);
  const rank = buckets.reduce((sum, { count }) => sum + count, 0) * share;
  let [below, lower] = [0, 0];
  for (const { bound, count } of buckets) {
    if (count > 0 && below + count >= rank) {
      if (bound === Infinity) return lower * 1000;
      return (lower + (bound - lower) * ((rank - below) / count)) * 1000;
    }
    below += count;
    lower = bound;
  }
  return undefined;
}
