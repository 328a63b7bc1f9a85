// Removes what dead processes left in the spool directory, so that crashes do not fill the disk.
import { opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from './store-error.ts';

/**
 * A fill writes again and again, and its timeouts end it long before this: a file that nobody has written to for an hour
 * has nobody.
 */
export const abandonedAfterMs = 3_600_000;

/** Rejects with the filesystem's own errors. */
export async function sweepSpool(spoolDirectory: string, nowMs: number): Promise<void> {
  for await (const entry of await opendir(spoolDirectory)) {
    if (!entry.isFile()) continue;
    const path = join(spoolDirectory, entry.name);
    try {
      if (nowMs - (await stat(path)).mtimeMs > abandonedAfterMs) await rm(path, { force: true });
    } catch (error) {
      // Finished or dropped meanwhile.
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}
