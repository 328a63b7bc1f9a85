// Measures at a fixed rate. A program that takes the machine for a moment makes the load late, on any server, so such a
// measurement is repeated.
import type { RatedResult } from '../load/run-socket-load.ts';

/** The largest part of requests that may be late. */
const mostLate = 0.03;
const attempts = 3;

/** Resolves to the first measurement that kept its rate. Rejects if none of three did. */
export async function keepRate<T extends { readonly result: RatedResult }>(measure: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const measured = await measure();
    const { latePart } = measured.result;
    if (latePart <= mostLate) return measured;
    if (attempt === attempts)
      throw new Error(`fell behind the rate ${attempts} times: ${(latePart * 100).toFixed(0)} % of requests were late`);
  }
}
