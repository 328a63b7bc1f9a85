// Random numbers from a seed (sfc32): the same seed creates the same world.

export interface Random {
  /** Returns a whole number from 0 to `below` - 1. */
  (below: number): number;
  /** Returns a number from 0 to 1, without 1. */
  fraction(): number;
  chance(probability: number): boolean;
  pick<T>(values: readonly T[]): T;
}

export function createRandom(seed: number): Random {
  let a = seed | 0;
  let b = 0x9e3779b9;
  let c = 0x243f6a88;
  let counter = 1;
  const fraction = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // The first numbers of neighboring seeds are similar, so they are skipped.
  for (let i = 0; i < 12; i += 1) fraction();
  const below = (limit: number) => Math.floor(fraction() * limit);
  return Object.assign(below, {
    fraction,
    chance: (probability: number) => fraction() < probability,
    pick: <T>(values: readonly T[]): T => values[below(values.length)]!,
  });
}
