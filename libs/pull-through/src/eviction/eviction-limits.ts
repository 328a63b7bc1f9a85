// How much the store may hold: as many bytes as it is given, and no more than leaves its file system some room.
import type { BlobStore } from '@cistern/blob-store';
import { type MinFree, minFreeBytes } from '../disk/min-free.ts';

interface EvictionLimits {
  /** At the brim. Infinity: there is no limit. */
  readonly mostBytes: number;
  /** Room is made when the store holds more than this … */
  readonly highBytes: number;
  /** … until it holds no more than this. From here on victims are chosen, so that their grace is over when they have to go. */
  readonly lowBytes: number;
  /** Of the store's file system, in bytes; absent for a store without one of its own. */
  readonly disk?: { readonly freeBytes: number; readonly minFreeBytes: number };
}

/** For a store that holds `heldBytes` now, while somebody waits for `wantedBytes`. Rejects with `store-unavailable`. */
export type ReadLimits = (heldBytes: number, wantedBytes: number) => Promise<EvictionLimits>;

export interface LimitSettings {
  /** Infinity: any number. */
  readonly maxBytes: number;
  /** Parts of what the store may hold, from 0 to 1. */
  readonly highShare: number;
  readonly lowShare: number;
  /** `undefined`: nothing is kept free. */
  readonly minFree: MinFree | undefined;
}

/** What others write to the file system, and fills in flight, lessens what the store may hold from one look to the next. */
export function createReadLimits(
  { maxBytes, highShare, lowShare, minFree }: LimitSettings,
  { space }: Pick<BlobStore, 'space'>,
): ReadLimits {
  const limitsOf = (mostBytes: number): EvictionLimits => ({
    mostBytes,
    highBytes: Math.floor(mostBytes * highShare),
    lowBytes: Math.floor(mostBytes * lowShare),
  });
  return async (heldBytes, wantedBytes) => {
    if (space === undefined || minFree === undefined) return limitsOf(maxBytes);
    const seen = await space();
    const kept = minFreeBytes(minFree, seen, heldBytes);
    const left = Math.max(0, heldBytes + seen.freeBytes - kept - wantedBytes);
    return { ...limitsOf(Math.min(maxBytes, left)), disk: { freeBytes: seen.freeBytes, minFreeBytes: kept } };
  };
}
