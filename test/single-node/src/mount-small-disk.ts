// Mounts a file system of a few megabytes that a test may fill.
import { execFile } from 'node:child_process';
import { mkdtemp, rmdir, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface SmallDisk {
  readonly directory: string;
  /** Call `unmount` only when no process uses the file system any more. */
  unmount(): Promise<void>;
}

/** Requires root on Linux. The caller unmounts the file system. */
export async function mountSmallDisk(mebibytes: number): Promise<SmallDisk> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Error('This test mounts a small file system: run it as root on Linux.');
  const directory = await mkdtemp(join(tmpdir(), 'cistern-small-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'cistern-test', directory]);
  return {
    directory,
    async unmount() {
      await run('umount', ['--lazy', directory]);
      await rmdir(directory);
    },
  };
}

export async function freeBytesOf(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
