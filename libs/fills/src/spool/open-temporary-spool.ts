// Opens the spool of a worker that has no directory for it. Each process creates its own directory among the system's temporary
// files, and removes it when it exits. It also removes the directories that killed processes have left.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Closers } from '@cistern/runtime';

export interface TemporarySpoolOptions extends Pick<Closers, 'add'> {
  /** The parent directory. Unset means the system's directory for temporary files. */
  readonly directory?: string;
  readonly now?: () => number;
}

const prefix = 'cistern-spool-';
/**
 * Containers may share the directory but cannot see each other's processes. So a directory is also kept if something was
 * written to it within this time.
 */
const abandonedAfterMs = 3_600_000;

export async function openTemporarySpool({
  add,
  directory = tmpdir(),
  now = Date.now,
}: TemporarySpoolOptions): Promise<string> {
  for (const name of await readdir(directory)) {
    const [, pid] = new RegExp(`^${prefix}(\\d+)-`).exec(name) ?? [];
    if (pid === undefined || isRunning(Number(pid))) continue;
    const path = join(directory, name);
    // If this fails, the directory has another owner or is removed already, so it is left in place.
    if (await isOld(path, now()).catch(() => false)) await rm(path, { recursive: true, force: true }).catch(() => {});
  }
  const path = await mkdtemp(join(directory, `${prefix}${process.pid}-`));
  add(() => rm(path, { recursive: true, force: true }));
  return path;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

async function isOld(path: string, nowMs: number): Promise<boolean> {
  const files = (await readdir(path)).map((name) => join(path, name));
  const stats = await Promise.all([path, ...files].map(async (each) => stat(each)));
  return stats.every(({ mtimeMs }) => nowMs - mtimeMs > abandonedAfterMs);
}
