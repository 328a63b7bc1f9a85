// How much room a file system has, as `df` shows it to a process without privileges.
import { statfs } from 'node:fs/promises';

export interface DiskSpace {
  /** Bytes that may still be written. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Of the file system that holds `path`. Rejects with the error of the system call. */
export async function readDiskSpace(path: string): Promise<DiskSpace> {
  const { bsize, bavail, blocks } = await statfs(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
