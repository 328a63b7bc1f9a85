// How much longer it takes to find an entry among many than among few. Both indexes are asked in turn, so that what else the
// machine does meets both alike, and for entries that their process has not seen before.
// real-time: a benchmark measures how long look-ups take
import type { CacheIndex } from '@cistern/index';
import { type EntryKind, lookUp } from './grow-index.ts';

export interface Sized {
  readonly index: CacheIndex;
  readonly entries: number;
}

export interface LookUps {
  /** Among the many. */
  readonly microseconds: number;
  /** How many times what it takes among the few. */
  readonly ratio: number;
}

/** So many of each, one after another. */
const lookUps = 1000;

export async function compareLookUps(kind: EntryKind, few: Sized, many: Sized): Promise<LookUps> {
  const times = new Map<Sized, number[]>([few, many].map((sized) => [sized, []]));
  for (let turn = 0; turn < lookUps; turn += 1)
    for (const sized of turn % 2 === 0 ? [few, many] : [many, few])
      times.get(sized)?.push(await timeOf(sized, kind, Math.floor((turn * sized.entries) / lookUps)));
  const [ofFew = [], ofMany = []] = times.values();
  return { microseconds: median(ofMany), ratio: median(ofMany) / median(ofFew) };
}

async function timeOf({ index }: Sized, kind: EntryKind, number: number): Promise<number> {
  const startedAtMs = performance.now();
  await lookUp(index, kind, number);
  return (performance.now() - startedAtMs) * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
