// An index that can write on a full disk: its write-ahead log is as long from the start as it ever gets. What is evicted to free the
// disk has to be written down first.
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';

/** SQLite begins the log again after a thousand pages. */
const bytes = 4_400_000;

/**
 * Of the database at `path`, which has a log. As far as the disk lets it. SQLite overwrites the zeros, and reads none of them: the
 * log ends for it where a frame has another checksum.
 */
export function reserveLog(path: string): void {
  // The locks of a process are on the database, so that closing another descriptor of the log drops none.
  const file = openSync(`${path}-wal`, 'r+');
  try {
    const { size } = fstatSync(file);
    if (size < bytes) writeSync(file, Buffer.alloc(bytes - size), 0, bytes - size, size);
  } catch (error) {
    if (!['ENOSPC', 'EDQUOT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    closeSync(file);
  }
}
