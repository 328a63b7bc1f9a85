// Computes how many bytes the store may hold: at most `maxBytes`, and less if its file system would otherwise have too
// little free space.
import type { BlobStore } from '@cistern/blob-store';
import type { NodeConfig } from '@cistern/config';
import { type MinFree, minFreeBytes } from '@cistern/fills';
import type { CacheIndex } from '@cistern/index';
import { type Logger, neverDemoted } from '@cistern/telemetry';
import type { ChooseAgedDeps } from './choose-victims.ts';

export interface EvictionLimits {
  /** The hard limit, in bytes. Infinity means no limit. */
  readonly mostBytes: number;
  /** Eviction starts when the store holds more bytes than this. */
  readonly highBytes: number;
  /** Eviction stops when the store holds no more bytes than this. */
  readonly lowBytes: number;
  /**
   * Free space of the store's file system and its required minimum, in bytes. Unset if the store has no file system, or
   * if the file system does not report its space.
   */
  readonly disk?: { readonly freeBytes: number; readonly minFreeBytes: number };
}

/** Returns the limits for a store that holds `heldBytes` now, while fetches wait for `wantedBytes`. Never rejects. */
export type ReadLimits = (heldBytes: number, wantedBytes: number) => Promise<EvictionLimits>;

export interface LimitSettings {
  /** Infinity means no limit. */
  readonly maxBytes: number;
  /** High watermark as a share of the hard limit, from 0 to 1. `lowShare` is the low watermark. */
  readonly highShare: number;
  readonly lowShare: number;
  /** `undefined` means that no space is kept free. */
  readonly minFree: MinFree | undefined;
}

const wantedName = 'eviction wanted bytes';
const keepWantedMs = 2_000;

/**
 * Creates the function that computes the limits. The limits can change from call to call, because fills in progress and
 * other data use space of the same file system. If the file system does not report its space, `maxBytes` is the only
 * limit.
 */
export function createReadLimits(
  { maxBytes, highShare, lowShare, minFree }: LimitSettings,
  { store, log: nodeLog }: { readonly store: Pick<BlobStore, 'space'>; readonly log: Logger },
): ReadLimits {
  const log = neverDemoted(nodeLog);
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
      if (!isUnreadable) log.warn({ err: error }, 'failed to read free disk space, enforcing storage.maxbytes');
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

/** Returns the settings that eviction and its plan share. */
export function evictionSettings(
  { storageLimits, storageRedirect, live }: Pick<NodeConfig, 'storageLimits' | 'storageRedirect' | 'live'>,
  deps: { readonly store: BlobStore; readonly log: Logger },
): Pick<ChooseAgedDeps, 'ageLimits' | 'spareMs'> & { readonly readLimits: ReadLimits } {
  return {
    readLimits: createReadLimits(storageLimits, deps),
    ageLimits: live.derive(({ upstreams }) => {
      const limited = upstreams.filter(({ maxAgeMs }) => maxAgeMs !== Infinity);
      return new Map(limited.map(({ name, maxAgeMs }) => [name, maxAgeMs]));
    }),
    spareMs: storageRedirect?.expiresMs ?? 0,
  };
}

/**
 * Reports to the evicting worker how many bytes waiting fetches and commits need. If several workers report, the last
 * report wins. A report expires after two seconds, so a worker repeats it while its fetches wait. 0 means that no fetch
 * waits on this worker any more. Rejects with `index-unavailable`.
 */
export async function wantRoom({ values }: Pick<CacheIndex, 'values'>, bytes: number): Promise<void> {
  if (bytes === 0) await values.remove(wantedName);
  else await values.put(wantedName, String(bytes), keepWantedMs);
}

/** Returns the bytes that waiting fetches and commits need. Rejects with `index-unavailable`. */
export async function readWantedRoom({ values }: Pick<CacheIndex, 'values'>): Promise<number> {
  return Number((await values.get(wantedName)) ?? 0);
}
