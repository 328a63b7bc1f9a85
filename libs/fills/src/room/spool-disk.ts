// The space that the spool's file system has for it. The settings may allow more than the disk has, and other programs write
// there too.
import type { DiskSpace } from '@cistern/blob-store';

export interface SpoolDisk {
  /** The most bytes that all fills may keep there, by the last measurement. Infinity means that it is unknown. */
  readonly mostBytes: number;
  /** Measures again, once per second at most. Returns true if something has changed. Never rejects. */
  measure(): Promise<boolean>;
  /** Returns why less than `bytes` are there. `undefined` means that enough are, or the last measurement is a minute old. */
  findShortage(bytes: number): string | undefined;
}

/** The interval at which a fill that waits for space measures again. */
export const measureEveryMs = 1_000;
const holdsForMs = 60_000;
const reserveShare = 0.01;
const maxReserveBytes = 64 * 1024 * 1024;

/** `writtenBytes` counts the bytes of all current fills. A file system that cannot be queried limits nothing. */
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
      if (mostBytes >= bytes || seen === undefined || performance.now() - measuredAtMs > holdsForMs) return undefined;
      const { freeBytes, totalBytes } = seen;
      return `${freeBytes} of ${totalBytes} bytes are free on the file system of worker.spool.directory.`;
    },
  };
}
