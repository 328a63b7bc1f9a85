// How much of a file system stays free: the aim of eviction, and the little below which nothing is fetched (decision 0049).
// Whether so many bytes more fit follows from it.
import type { DiskSpace } from '@cistern/blob-store';

/** The least of the three. */
export interface MinFree {
  /** Of the file system, from 0 to 1. */
  readonly share: number;
  readonly maxBytes: number;
  /** Of what the store holds and what is free, from 0 to 1. */
  readonly shareOfLeft: number;
}

/** For a file system on which nothing is evicted. */
export const noMinFree: MinFree = { share: 0, maxBytes: 0, shareOfLeft: 0 };

/** Manifests, links and the index, which are small, go on to be written. */
const maxReserveBytes = 64 * 1024 * 1024;
const reserveShare = 0.01;

/** The most that it can be, whatever the store holds. */
export function mostMinFreeBytes({ share, maxBytes }: MinFree, totalBytes: number): number {
  return Math.min(Math.floor(share * totalBytes), maxBytes);
}

/** What eviction keeps free, for a store of `heldBytes`. */
export function minFreeBytes(minFree: MinFree, { freeBytes, totalBytes }: DiskSpace, heldBytes: number): number {
  const left = Math.floor(minFree.shareOfLeft * (freeBytes + heldBytes));
  return Math.min(mostMinFreeBytes(minFree, totalBytes), left);
}

/** What no fetch takes, even where nothing more can be evicted. */
export function reserveBytes(minFree: MinFree, totalBytes: number): number {
  return Math.min(maxReserveBytes, Math.floor(reserveShare * totalBytes), mostMinFreeBytes(minFree, totalBytes));
}

/** A file system at one moment, and what was taken of it. */
export interface DiskUse extends DiskSpace {
  /** Bytes that eviction could remove at most. `undefined`: they are not known, and only plenty of room is enough. */
  readonly held: number | undefined;
  /** Taken, and not on the disk yet. */
  readonly pendingBytes: number;
  /** On the disk, by fetches that have not ended. */
  readonly writtenBytes: number;
}

export interface Shortage {
  /** Eviction's aim is not kept, but there is room. */
  readonly isSmall: boolean;
  /** So much never fits, however much goes. */
  readonly isForGood: boolean;
  /** It is the file system that is too small, however full it is. */
  readonly isOversized: boolean;
  readonly why: string;
}

/** `undefined`: there is room for `bytes` more in the file system of that name. */
export function findShortage(name: string, minFree: MinFree, bytes: number, use: DiskUse): Shortage | undefined {
  const { freeBytes, totalBytes, held = Infinity, pendingBytes, writtenBytes } = use;
  const most = mostMinFreeBytes(minFree, totalBytes);
  const aim = use.held === undefined ? most : minFreeBytes(minFree, use, held);
  const left = freeBytes - pendingBytes - bytes;
  const reserve = reserveBytes(minFree, totalBytes);
  // Where minfree is out of reach, waiting for it would be of no use.
  if (left >= (left + held >= aim ? aim : reserve)) return undefined;
  const kept = most > 0 ? `, of which storage.minfree keeps ${most}` : '';
  return {
    isSmall: left >= reserve,
    isForGood: freeBytes + held + writtenBytes - bytes < reserve,
    isOversized: bytes + most > totalBytes,
    why: `${name} has ${freeBytes} of ${totalBytes} bytes free${kept}; ${bytes} more do not fit, and not enough can be evicted.`,
  };
}
