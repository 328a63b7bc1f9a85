// Calculates how much of a file system stays free: the target of eviction, and the small reserve that no fetch uses (decision
// 0049). Also decides whether more bytes fit.
import type { DiskSpace } from '@cistern/blob-store';

/** How many bytes eviction keeps free: the smallest of the three values. */
export interface MinFree {
  /** Share of the file system, from 0 to 1. */
  readonly share: number;
  readonly maxBytes: number;
  /** Share of the store's bytes and the free bytes together, from 0 to 1. */
  readonly shareOfLeft: number;
}

/** For a file system on which nothing is evicted. */
export const noMinFree: MinFree = { share: 0, maxBytes: 0, shareOfLeft: 0 };

/** Manifests, links and the index are still written into this reserve. */
const maxReserveBytes = 64 * 1024 * 1024;
const reserveShare = 0.01;

/** Returns the largest value that `minFreeBytes` can have, for any content of the store. */
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
   * The most bytes that eviction could remove. `undefined` means that this number is unknown. In that case the bytes fit only
   * if the largest possible `minFreeBytes` still stays free.
   */
  readonly held: number | undefined;
  /** Bytes that are reserved but not on the disk yet. */
  readonly pendingBytes: number;
  /** Bytes that fetches in progress have written to the disk. */
  readonly writtenBytes: number;
}

export interface Shortage {
  /** True if the bytes would fit, but less than eviction's target would stay free. */
  readonly isSmall: boolean;
  /** True if the bytes can never fit, even if eviction removes everything that it can. */
  readonly isPermanent: boolean;
  /** True if the bytes do not fit even into an empty file system. */
  readonly isOversized: boolean;
  readonly why: string;
}

/** Returns `undefined` if `bytes` more fit into the file system. `name` is for the text of the shortage. */
export function findShortage(name: string, minFree: MinFree, bytes: number, use: DiskUse): Shortage | undefined {
  const { freeBytes, totalBytes, held = Infinity, pendingBytes, writtenBytes } = use;
  const most = mostMinFreeBytes(minFree, totalBytes);
  const aim = use.held === undefined ? most : minFreeBytes(minFree, use, held);
  const left = freeBytes - pendingBytes - bytes;
  const reserve = reserveBytes(minFree, totalBytes);
  // If eviction cannot reach minfree even by removing everything, the small reserve is enough, because waiting is useless.
  if (left >= (left + held >= aim ? aim : reserve)) return undefined;
  const kept = most > 0 ? `, of which storage.minfree keeps ${most}` : '';
  return {
    isSmall: left >= reserve,
    isPermanent: freeBytes + held + writtenBytes - bytes < reserve,
    isOversized: bytes + most > totalBytes,
    why: `${name} has ${freeBytes} of ${totalBytes} bytes free${kept}; ${bytes} more do not fit, and not enough can be evicted.`,
  };
}
