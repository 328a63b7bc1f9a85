// Measures the space that the spool's file system has for the spool. The settings may allow more than the disk has, and other
// programs also write to it.
import type { DiskSpace } from '@cistern/blob-store';

export interface SpoolDisk {
  /** The most bytes that all fills may keep there, by the last measurement. Infinity means that it is unknown. */
  readonly mostBytes: number;
  /** Measures again, once per second at most. Resolves to true if `mostBytes` has changed. Never rejects. */
  measure(): Promise<boolean>;
  /** Returns the reason if the file system has space for fewer than `bytes`, by the last measurement. */
  findShortage(bytes: number): string | undefined;
}

/** The interval at which a fill that waits for space measures again. */
export const measureEveryMs = 1_000;
const reserveShare = 0.01;
const maxReserveBytes = 64 * 1024 * 1024;

/**
 * `writtenBytes` returns the number of bytes that all current fills have on the disk. If `space` fails, the disk sets no limit.
 */
export function watchSpoolDisk(
  space: (() => Promise<DiskSpace | undefined>) | undefined,
  writtenBytes: () => number,
): SpoolDisk {
  let seen: DiskSpace | undefined;
  let mostBytes = Infinity;
  let measuredAtMs = -Infinity;
  let measuring: Promise<boolean> | undefined;

  const measureNow = async (): Promise<boolean> => {
    const [before, written] = [mostBytes, writtenBytes()];
    seen = await space?.().catch(() => undefined);
    const reserve = Math.min(maxReserveBytes, (seen?.totalBytes ?? 0) * reserveShare);
    mostBytes = seen === undefined ? Infinity : Math.max(0, written + seen.freeBytes - reserve);
    measuredAtMs = performance.now();
    measuring = undefined;
    return mostBytes !== before;
  };

  return {
    get mostBytes() {
      return mostBytes;
    },
    measure() {
      if (measuring === undefined && performance.now() - measuredAtMs < measureEveryMs) return Promise.resolve(false);
      measuring ??= measureNow();
      return measuring;
    },
    findShortage(bytes) {
      if (mostBytes >= bytes || seen === undefined) return undefined;
      const { freeBytes, totalBytes } = seen;
      return `${freeBytes} of ${totalBytes} bytes are free on the file system of worker.spool.directory.`;
    },
  };
}
