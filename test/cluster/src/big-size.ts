// How large a blob of the suite `big` is.
const units: Readonly<Record<string, number>> = { '': 1, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** Bytes: what `npm test -- big --size=8GiB` says, else `usual`. Throws for what is no size. */
export function bigSize(usual: number): number {
  // Set by test/run.mjs.
  const { CISTERN_TEST_SIZE: text } = process.env;
  if (text === undefined) return usual;
  const [, number, unit = ''] = /^(\d+)(MiB|GiB)?$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`--size=${text} is no size: give it as 8GiB, 500MiB or in bytes`);
  return Number(number) * (units[unit] ?? 1);
}
