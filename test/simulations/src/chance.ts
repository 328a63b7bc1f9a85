// What simulations draw from a seed: the same seed, the same day.
import type { Random } from '@cistern/single-node/random';

/** From 0 up to 1. */
export function fraction(random: Random): number {
  return random.between(0, 2 ** 30 - 1) / 2 ** 30;
}

/** Chooses the item at rank n with a probability in proportion to 1/n^`skew`. */
export function createZipf<T>(items: readonly T[], random: Random, skew = 1): () => T {
  let sum = 0;
  const bounds = items.map((_, at) => (sum += (at + 1) ** -skew));
  // The last bound may be a rounding error below the sum.
  return () => items[Math.min(indexAbove(bounds, fraction(random) * sum), items.length - 1)]!;
}

/** Where the first of `ascending` that is greater stands; their number if none is. */
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

/** Of the logarithmic normal distribution with this median, whose logarithm has this standard deviation. */
export function logNormal(median: number, deviation: number, random: Random): number {
  // Box and Muller; a fraction may be 0, whose logarithm there is none of.
  const radius = Math.sqrt(-2 * Math.log(1 - fraction(random)));
  return median * Math.exp(deviation * radius * Math.cos(2 * Math.PI * fraction(random)));
}

/** Whether something that happens every `meanMs` on average happens within `stepMs`. */
export function happens(stepMs: number, meanMs: number, random: Random): boolean {
  return fraction(random) < 1 - Math.exp(-stepMs / meanMs);
}

/** Which images are pulled often has nothing to do with how often they are built. */
export function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, at: fraction(random) }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
