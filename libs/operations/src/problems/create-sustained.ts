// Measurements that count only if they last.

/** Returns a function that takes a value, and returns the least of the last `count` values; 0 for fewer values. */
export function createSustained(count: number): (value: number) => number {
  let values: readonly number[] = [];
  return (value) => {
    values = [...values, value].slice(-count);
    return values.length < count ? 0 : Math.min(...values);
  };
}
