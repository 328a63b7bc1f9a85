// The size of a blob in the suite `big`.
const units: Readonly<Record<string, number>> = { '': 1, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Returns bytes: the size from `npm test -- big --size=8GiB`, or `usual`. Throws for an invalid size. */
export function bigSize(usual: number): number {
  // Set by test/run.mjs.
  const { CISTERN_TEST_SIZE: text } = process.env;
  if (text === undefined) return usual;
  const [, number, unit = ''] = /^(\d+)(MiB|GiB)?$/.exec(text) ?? [];
  if (number === undefined)
    throw new Error(`--size=${text} is not a size. Use a value such as 8GiB, 500MiB or a number of bytes.`);
  return Number(number) * (units[unit] ?? 1);
}
