// How fetches that wait for room tell whichever worker evicts. Of several workers the one that said so last is heard; each says
// it again while it waits.
import type { CacheIndex } from '@cistern/index';

const name = 'eviction wanted bytes';
const keepMs = 2_000;

/** 0: nobody waits here any more. Rejects with `index-unavailable`. */
export async function wantRoom({ values }: Pick<CacheIndex, 'values'>, bytes: number): Promise<void> {
  if (bytes === 0) await values.remove(name);
  else await values.put(name, String(bytes), keepMs);
}

/** Bytes. Rejects with `index-unavailable`. */
export async function readWantedRoom({ values }: Pick<CacheIndex, 'values'>): Promise<number> {
  return Number((await values.get(name)) ?? 0);
}
