// Compares look-ups in a large index with look-ups in a small one. Calls alternate between the two, so that other load
// affects both alike. All entries are new to their process.
// real-time: a benchmark measures how long look-ups take
import type { CacheIndex } from '@cistern/index';
import { type EntryKind, lookUp } from './grow-index.ts';

export interface Sized {
  readonly index: CacheIndex;
  readonly entries: number;
}

export interface LookUps {
  /** Time of a look-up in the large index. */
  readonly microseconds: number;
  /** The ratio of that time to the one in the small index. */
  readonly ratio: number;
}

/** The number of look-ups in each index, one after another. */
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
