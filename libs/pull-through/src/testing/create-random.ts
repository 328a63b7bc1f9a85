// Creates pseudorandom numbers from a seed, so that a test can be repeated.

/** Returns an integer from 0 to `below` - 1. */
type Random = (below: number) => number;

export function createRandom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
