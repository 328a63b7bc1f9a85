// How much the store may hold: as many bytes as it is given, and no more than leaves its file system some room.
import type { BlobStore } from '@cistern/blob-store';
import type { Config } from '@cistern/config';
import { type MinFree, minFreeBytes } from '@cistern/fills';
import type { CacheIndex } from '@cistern/index';
import type { Logger } from '@cistern/telemetry';
import type { ChooseAgedDeps } from './choose-victims.ts';

export interface EvictionLimits {
  /** At the brim. Infinity: there is no limit. */
  readonly mostBytes: number;
  /** Room is made when the store holds more than this … */
  readonly highBytes: number;
  /** … until it holds no more than this. */
  readonly lowBytes: number;
  /** Of the store's file system, in bytes; absent where it has none, or none that reports its space. */
  readonly disk?: { readonly freeBytes: number; readonly minFreeBytes: number };
}

/** For a store that holds `heldBytes` now, while somebody waits for `wantedBytes`. Does not reject. */
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

const wantedName = 'eviction wanted bytes';
const keepWantedMs = 2_000;

/**
 * What others write to the file system, and fills in flight, lessens what the store may hold from one look to the next. Where the
 * file system does not report its space, `maxBytes` alone is the limit.
 */
export function createReadLimits(
  { maxBytes, highShare, lowShare, minFree }: LimitSettings,
  { store, log }: { readonly store: Pick<BlobStore, 'space'>; readonly log: Logger },
): ReadLimits {
  let isUnreadable = false;
  const limitsOf = (mostBytes: number): EvictionLimits => ({
    mostBytes,
    highBytes: Math.floor(mostBytes * highShare),
    lowBytes: Math.floor(mostBytes * lowShare),
  });

  async function readSpace() {
    try {
      const seen = await store.space?.();
      isUnreadable = false;
      return seen;
    } catch (error) {
      if (!isUnreadable) log.warn({ err: error }, 'failed to read free disk space, keeping storage.maxbytes only');
      isUnreadable = true;
      return undefined;
    }
  }

  return async (heldBytes, wantedBytes) => {
    const allowed = Math.max(0, maxBytes - wantedBytes);
    if (minFree === undefined) return limitsOf(allowed);
    const seen = await readSpace();
    if (seen === undefined) return limitsOf(allowed);
    const kept = minFreeBytes(minFree, seen, heldBytes);
    const left = Math.max(0, heldBytes + seen.freeBytes - kept - wantedBytes);
    return { ...limitsOf(Math.min(allowed, left)), disk: { freeBytes: seen.freeBytes, minFreeBytes: kept } };
  };
}

/** From one configuration, for the eviction and for its plan. */
export function evictionSettings(
  { storageLimits, storageRedirect, upstreams }: Pick<Config, 'storageLimits' | 'storageRedirect' | 'upstreams'>,
  deps: { readonly store: BlobStore; readonly log: Logger },
): Pick<ChooseAgedDeps, 'ageLimits' | 'spareMs'> & { readonly readLimits: ReadLimits } {
  const limited = upstreams.filter(({ maxAgeMs }) => maxAgeMs !== Infinity);
  return {
    readLimits: createReadLimits(storageLimits, deps),
    ageLimits: new Map(limited.map(({ name, maxAgeMs }) => [name, maxAgeMs])),
    spareMs: storageRedirect?.expiresMs ?? 0,
  };
}

/**
 * Fetches and commits that wait for room report it to the worker that evicts. The last report of several workers holds; each repeats it while
 * it waits. 0 means that no fetch waits here any more. Rejects with `index-unavailable`.
 */
export async function wantRoom({ values }: Pick<CacheIndex, 'values'>, bytes: number): Promise<void> {
  if (bytes === 0) await values.remove(wantedName);
  else await values.put(wantedName, String(bytes), keepWantedMs);
}

/** Bytes. Rejects with `index-unavailable`. */
export async function readWantedRoom({ values }: Pick<CacheIndex, 'values'>): Promise<number> {
  return Number((await values.get(wantedName)) ?? 0);
}
