// Puts finished files in their place so that they are there whole or not at all, after a crash or a power cut too. Files
// and directories are made for the user of the process alone; existing ones keep their modes.
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from './store-error.ts';

/** Images may be private: other users of the machine may not read them. */
export const fileMode = 0o600;
const directoryMode = 0o700;
/** A concurrent `remove` may take the new directory away again; it cannot win this often. */
const maxAttempts = 20;

export interface Placer {
  /** Moves a file that is on disk already (fsync) to `target`, in place of any other, and puts the move on disk. */
  place(path: string, target: string): Promise<void>;
  /** The same without the last step: `syncDirectory` of the target's directory is left to the caller. */
  move(path: string, target: string): Promise<void>;
  /** Makes a directory with its parents and puts them on disk. */
  ensureDirectory(directory: string): Promise<void>;
}

export function createPlacer(): Placer {
  /** Whoever finds a directory just made by another must not be done before that other has put it on disk. */
  const making = new Map<string, Promise<void>>();

  function ensureDirectory(directory: string): Promise<void> {
    const known = making.get(directory);
    if (known !== undefined) return known;
    const made = makeDirectory(directory).finally(() => making.delete(directory));
    making.set(directory, made);
    return made;
  }

  async function makeDirectory(directory: string): Promise<void> {
    const parent = dirname(directory);
    try {
      await mkdir(directory, directoryMode);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return;
      if (!hasCode(error, 'ENOENT') || parent === directory) throw error;
      await ensureDirectory(parent);
      await mkdir(directory, { recursive: true, mode: directoryMode });
    }
    await syncDirectory(parent);
  }

  async function move(path: string, target: string): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      await ensureDirectory(dirname(target));
      try {
        return await rename(path, target);
      } catch (error) {
        if (!hasCode(error, 'ENOENT') || attempt === maxAttempts) throw error;
      }
    }
  }

  return {
    ensureDirectory,
    move,
    async place(path, target) {
      await move(path, target);
      await syncDirectory(dirname(target));
    },
  };
}

/** Puts the entries of a directory on disk; a directory that has been removed meanwhile has none. */
export async function syncDirectory(directory: string): Promise<void> {
  try {
    await using handle = await open(directory, 'r');
    await handle.sync();
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
