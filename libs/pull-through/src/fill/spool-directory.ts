// Where fills keep their bytes while they run. Space is reserved before a body is read; what an earlier process left is
// removed at the start.
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CacheError } from '@cistern/errors';
import { type Spool, openSpool } from './spool.ts';

export interface SpoolDirectory {
  /**
   * Opens a spool for a blob of `size` bytes. Rejects with `overloaded` where there is no room for it, and with
   * `store-unavailable` where the file cannot be made. The opener closes it.
   */
  open(name: string, size: number): Promise<Spool>;
  readonly usedBytes: number;
}

const suffix = '.fill';

/** Removes what is left of an earlier run: the directory must belong to this process alone. */
export async function openSpoolDirectory(path: string, maxBytes: number): Promise<SpoolDirectory> {
  await mkdir(path, { recursive: true });
  for (const name of await readdir(path)) if (name.endsWith(suffix)) await rm(join(path, name), { force: true });
  let used = 0;
  return {
    async open(name, size) {
      if (used + size > maxBytes)
        throw new CacheError(
          'overloaded',
          `The spool has no room for a blob of ${size} bytes: ${used} of ${maxBytes} bytes are in use (worker.spool.maxbytes).`,
          { retryable: size <= maxBytes, retryAfterMs: 5_000 },
        );
      used += size;
      const release = () => {
        used -= size;
      };
      try {
        return await openSpool(join(path, `${name}${suffix}`), size, release);
      } catch (error) {
        release();
        throw new CacheError('store-unavailable', 'The spool file could not be made.', {
          cause: error,
          retryable: true,
        });
      }
    },
    get usedBytes() {
      return used;
    },
  };
}
