// Loads a server until its code is compiled for speed.

const [fewest, most] = [3, 6];
/** Two seconds of the same cost differ by about this part. */
const leastGain = 0.02;

/**
 * Calls `measureCost` until a second is no cheaper than the one before. `measureCost` loads the server for a second, and
 * resolves to its CPU seconds per request. A server without a compiler (`isCompiling` is false) is loaded once. Resolves
 * to the cost of the last second.
 */
export async function settle(measureCost: () => Promise<number>, isCompiling: boolean): Promise<number> {
  let cost = await measureCost();
  for (let second = 2; isCompiling && second <= most; second += 1) {
    const before = cost;
    cost = await measureCost();
    if (second >= fewest && cost > before * (1 - leastGain)) break;
  }
  return cost;
}
