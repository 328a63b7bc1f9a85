// Reads the space of a file system, as `df` shows it to a process without privileges.
import { statfs } from 'node:fs/promises';

export interface DiskSpace {
  /** Bytes that this process can still write. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/**
 * Returns the space of the file system that contains `path`. Resolves to `undefined` if the file system reports no
 * blocks, as a tmpfs without a limit and some FUSE file systems do. Rejects with the error of the system call.
 */
export async function readDiskSpace(path: string): Promise<DiskSpace | undefined> {
  const { bsize, bavail, blocks } = await statfs(path);
  if (blocks === 0) return undefined;
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
