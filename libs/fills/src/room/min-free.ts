// How much of a file system stays free: what eviction aims at, and the little below which nothing is fetched (decision 0049).
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
