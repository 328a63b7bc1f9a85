// Where a worker spools that has no directory for it: one of its own among the system's temporary files, gone with it. What
// processes left there that were killed is removed by the next one.
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Closers } from '@cistern/runtime';

export interface TemporarySpoolOptions extends Pick<Closers, 'add'> {
  /** Default: the system's. */
  readonly directory?: string;
  readonly now?: () => number;
}

const prefix = 'cistern-spool-';
/** A container sees no processes of others that share the directory: by then theirs would have written something. */
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
    // Somebody else's, or gone meanwhile: then it is not ours to remove.
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
