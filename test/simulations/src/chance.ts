// Random draws for simulations. The same seed gives the same results.
import type { Random } from '@cistern/single-node/random';

/** Returns a number from 0 up to 1. */
export function fraction(random: Random): number {
  return random.between(0, 2 ** 30 - 1) / 2 ** 30;
}

/** Chooses the item at rank n with a probability proportional to 1/n^`skew`. */
export function createZipf<T>(items: readonly T[], random: Random, skew = 1): () => T {
  let sum = 0;
  const bounds = items.map((_, at) => (sum += (at + 1) ** -skew));
  // Because of rounding, the last bound may be below the drawn value.
  return () => items[Math.min(indexAbove(bounds, fraction(random) * sum), items.length - 1)]!;
}

/**
 * Returns the index of the first element of `ascending` that is greater than `value`, or the length if there is none.
 */
export function indexAbove(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Draws from the log-normal distribution with this median. `deviation` is the standard deviation of the logarithm. */
export function logNormal(median: number, deviation: number, random: Random): number {
  // Box-Muller transform. The fraction may be 0, which has no logarithm.
  const radius = Math.sqrt(-2 * Math.log(1 - fraction(random)));
  return median * Math.exp(deviation * radius * Math.cos(2 * Math.PI * fraction(random)));
}

/** Whether an event with the mean interval `meanMs` happens within `stepMs`. */
export function happens(stepMs: number, meanMs: number, random: Random): boolean {
  return fraction(random) < 1 - Math.exp(-stepMs / meanMs);
}

/** The popularity of an image does not depend on how often it is built. */
export function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, at: fraction(random) }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
