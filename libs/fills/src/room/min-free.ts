// Calculates how much of a file system stays free: the target of eviction, and the small reserve that no fetch uses (decision
// 0049). From that it decides whether more bytes fit.
import type { DiskSpace } from '@cistern/blob-store';

/** The smallest of the three applies. */
export interface MinFree {
  /** Share of the file system, from 0 to 1. */
  readonly share: number;
  readonly maxBytes: number;
  /** Share of the store's bytes and the free bytes together, from 0 to 1. */
  readonly shareOfLeft: number;
}

/** For a file system on which nothing is evicted. */
export const noMinFree: MinFree = { share: 0, maxBytes: 0, shareOfLeft: 0 };

/** Small writes continue within it: manifests, links and the index. */
const maxReserveBytes = 64 * 1024 * 1024;
const reserveShare = 0.01;

/** Returns the largest possible value, for any content of the store. */
export function mostMinFreeBytes({ share, maxBytes }: MinFree, totalBytes: number): number {
  return Math.min(Math.floor(share * totalBytes), maxBytes);
}

/** Returns the bytes that eviction keeps free, for a store of `heldBytes`. */
export function minFreeBytes(minFree: MinFree, { freeBytes, totalBytes }: DiskSpace, heldBytes: number): number {
  const left = Math.floor(minFree.shareOfLeft * (freeBytes + heldBytes));
  return Math.min(mostMinFreeBytes(minFree, totalBytes), left);
}

/** Returns the bytes that no fetch uses, even if nothing more can be evicted. */
export function reserveBytes(minFree: MinFree, totalBytes: number): number {
  return Math.min(maxReserveBytes, Math.floor(reserveShare * totalBytes), mostMinFreeBytes(minFree, totalBytes));
}

/** A file system at one moment, and the space reserved on it. */
export interface DiskUse extends DiskSpace {
  /**
   * The most bytes that eviction could remove. `undefined` means that they are unknown, and only plenty of free space is enough.
   */
  readonly held: number | undefined;
  /** Reserved and not on the disk yet. */
  readonly pendingBytes: number;
  /** Written to the disk by fetches that have not ended. */
  readonly writtenBytes: number;
}

export interface Shortage {
  /** The target of eviction is missed, but there is space. */
  readonly isSmall: boolean;
  /** The bytes can never fit, even if everything evictable is removed. */
  readonly isPermanent: boolean;
  /** The bytes exceed the file system itself, even if it is empty. */
  readonly isOversized: boolean;
  readonly why: string;
}

/** Returns `undefined` if `bytes` more fit into the file system with that name. */
export function findShortage(name: string, minFree: MinFree, bytes: number, use: DiskUse): Shortage | undefined {
  const { freeBytes, totalBytes, held = Infinity, pendingBytes, writtenBytes } = use;
  const most = mostMinFreeBytes(minFree, totalBytes);
  const aim = use.held === undefined ? most : minFreeBytes(minFree, use, held);
  const left = freeBytes - pendingBytes - bytes;
  const reserve = reserveBytes(minFree, totalBytes);
  // If minfree is out of reach, it is useless to wait for it.
  if (left >= (left + held >= aim ? aim : reserve)) return undefined;
  const kept = most > 0 ? `, of which storage.minfree keeps ${most}` : '';
  return {
    isSmall: left >= reserve,
    isPermanent: freeBytes + held + writtenBytes - bytes < reserve,
    isOversized: bytes + most > totalBytes,
    why: `${name} has ${freeBytes} of ${totalBytes} bytes free${kept}; ${bytes} more do not fit, and not enough can be evicted.`,
  };
}
