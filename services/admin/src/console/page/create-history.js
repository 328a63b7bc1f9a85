// Computes the request and byte rates of the last minutes from counters that only grow.

/** @import { Overview } from './api-types.d.ts' */
/** @import { History } from './page.d.ts' */

const kept = 120;

/** @returns {History & { add(overview: Overview): void }} */
export function createHistory() {
  /** @type {{ readonly atMs: number, readonly overview: Overview } | undefined} */
  let before;
  /** @type {[number[], number[], number[]]} */
  const [requestsPerSecond, servedPerSecond, fetchedPerSecond] = [[], [], []];
  return {
    requestsPerSecond,
    servedPerSecond,
    fetchedPerSecond,
    add(overview) {
      const atMs = performance.now();
      if (before !== undefined) {
        const { overview: last, atMs: lastAtMs } = before;
        const seconds = Math.max(atMs - lastAtMs, 1) / 1000;
        // The sums can fall, because a node that has ended no longer reports its counters. A rate is never negative.
        const rate = (/** @type {number} */ now, /** @type {number} */ then) => Math.max(0, now - then) / seconds;
        push(requestsPerSecond, rate(overview.requests.total, last.requests.total));
        push(servedPerSecond, rate(overview.bytes.served, last.bytes.served));
        push(fetchedPerSecond, rate(overview.bytes.fetched, last.bytes.fetched));
      }
      before = { atMs, overview };
    },
  };
}

/**
 * @param {number[]} values
 * @param {number} value
 */
function push(values, value) {
  values.push(value);
  if (values.length > kept) values.shift();
}
