// Chooses the rate of a workload with a fixed rate.

/**
 * The part of a core that the rate takes at the CPU time of a full load. At a lower load each request takes about a
 * third more, because the kernel wakes the server for fewer requests at a time.
 */
const part = 0.3;
/** The load itself reaches 30,000 on a slow core. */
const [fewest, most, step] = [500, 20_000, 500];

/** Returns requests a second for a server whose requests take `cpuSeconds` each. */
export function rateFor(cpuSeconds: number): number {
  const rate = Math.floor(part / cpuSeconds / step) * step;
  return Math.min(most, Math.max(fewest, rate));
}
