// The room that the spool's file system has for it. The settings may say more than the disk has, and others write there too.
import type { DiskSpace } from '@cistern/blob-store';

export interface SpoolDisk {
  /** All fills may keep so much there, as it was last seen. Infinity: it is not known. */
  readonly mostBytes: number;
  /** Looks again, once a second at most. True if something has changed. Never rejects. */
  look(): Promise<boolean>;
  /** Why there is less than so much; `undefined`: there is as much, or the last look was a minute ago. */
  findShortage(bytes: number): string | undefined;
}

/** A fill that waits for room looks as often. */
export const lookEveryMs = 1_000;
const holdsForMs = 60_000;
const reserveShare = 0.01;
const maxReserveBytes = 64 * 1024 * 1024;

/** `writtenBytes`: of all fills that are there now. A file system that cannot be asked limits nothing. */
export function watchSpoolDisk(
  space: (() => Promise<DiskSpace | undefined>) | undefined,
  writtenBytes: () => number,
): SpoolDisk {
  let seen: DiskSpace | undefined;
  let mostBytes = Infinity;
  let lookedAtMs = -Infinity;
  let looking: Promise<boolean> | undefined;

  const lookNow = async (): Promise<boolean> => {
    const [before, written] = [mostBytes, writtenBytes()];
    seen = await space?.().catch(() => undefined);
    const reserve = Math.min(maxReserveBytes, (seen?.totalBytes ?? 0) * reserveShare);
    mostBytes = seen === undefined ? Infinity : Math.max(0, written + seen.freeBytes - reserve);
    lookedAtMs = performance.now();
    looking = undefined;
    return mostBytes !== before;
  };

  return {
    get mostBytes() {
      return mostBytes;
    },
    look() {
      if (looking === undefined && performance.now() - lookedAtMs < lookEveryMs) return Promise.resolve(false);
      looking ??= lookNow();
      return looking;
    },
    findShortage(bytes) {
      if (mostBytes >= bytes || seen === undefined || performance.now() - lookedAtMs > holdsForMs) return undefined;
      const { freeBytes, totalBytes } = seen;
      return `${freeBytes} of ${totalBytes} bytes are free on the file system of worker.spool.directory.`;
    },
  };
}
