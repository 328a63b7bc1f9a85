// Files on their way into the store. They are written in the spool directory and then moved into place. So each is there whole or
// not at all, after a crash or a power cut too. Files and directories are made for the user of the process alone;
// existing ones keep their modes.
import { randomUUID } from 'node:crypto';
import { mkdir, open, opendir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createSingleFlight } from '@cistern/runtime';
import type { BlobUpload, BlobUploadOptions } from '../blob-store.ts';
import { beginFsUpload } from './begin-fs-upload.ts';
import { hasCode } from './store-error.ts';

/** Images may be private: other users of the machine may not read them. */
const fileMode = 0o600;
const directoryMode = 0o700;
/** A concurrent `remove` may take the new directory away again; it cannot win this often. */
const maxAttempts = 20;
/**
 * A fill writes often, and its timeouts end it long before this. A file without a write for an hour has lost its writer.
 */
const abandonedAfterMs = 3_600_000;

/** The part of a logger that the store needs: fields first, then a constant message. */
export interface StoreLog {
  warn(fields: object, message: string): void;
}

/**
 * Makes the directory, and removes abandoned files from it: now, and each hour. Its functions reject with the filesystem's own
 * errors, but for those of an upload. The caller closes it.
 */
export async function openSpool(directory: string, log: StoreLog) {
  /** A caller that finds a directory just made by another must not be done before that other has put it on disk. */
  const making = createSingleFlight<void>();
  /** Files that are in place, but perhaps not on disk yet: another try has only that left to do. */
  const adopted = new Set<string>();

  /** Makes a directory with its parents and puts them on disk. */
  function ensureDirectory(path: string): Promise<void> {
    return making(path, undefined, () => makeDirectory(path));
  }

  async function makeDirectory(path: string): Promise<void> {
    const parent = dirname(path);
    try {
      await mkdir(path, directoryMode);
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return;
      if (!hasCode(error, 'ENOENT') || parent === path) throw error;
      await ensureDirectory(parent);
      await mkdir(path, { recursive: true, mode: directoryMode });
    }
    await syncDirectory(parent);
  }

  async function move(path: string, target: string): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      await ensureDirectory(dirname(target));
      try {
        return await rename(path, target);
      } catch (error) {
        if (!hasCode(error, 'ENOENT') || tries === maxAttempts) throw error;
      }
    }
  }

  /** Moves a file that is on disk already (fsync) to `target`, replaces any other, and puts the move on disk. */
  async function place(path: string, target: string): Promise<void> {
    await move(path, target);
    await syncDirectory(dirname(target));
  }

  await ensureDirectory(directory);
  await sweep(directory, Date.now());
  const sweeping = setInterval(() => {
    sweep(directory, Date.now()).catch((error: unknown) =>
      log.warn({ err: error }, 'the spool directory could not be swept'),
    );
  }, abandonedAfterMs).unref();

  /** As `place`, for a file that need not be on disk yet. After it has rejected the same call may be made again. */
  async function adopt(path: string, target: string): Promise<void> {
    if (!adopted.has(path)) {
      await syncFile(path);
      await move(path, target);
      adopted.add(path);
    }
    await syncDirectory(dirname(target));
    adopted.delete(path);
  }

  return {
    place,
    adopt,
    async beginUpload(target: string, options: BlobUploadOptions): Promise<BlobUpload> {
      const path = join(directory, randomUUID());
      await (await open(path, 'wx', fileMode)).close();
      return beginFsUpload(path, options, () => adopt(path, target));
    },
    /** Writes `target`; replaces any other. */
    async write(target: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
      const path = join(directory, randomUUID());
      try {
        await writeThrough(path, bytes);
        await place(path, target);
      } catch (error) {
        // Sweeping removes what cannot be removed now; the first error is the one to report.
        await rm(path, { force: true }).catch(() => undefined);
        throw error;
      }
    },
    /** Writes a file and reads it back. */
    async check(): Promise<void> {
      const path = join(directory, randomUUID());
      try {
        await writeThrough(path, Buffer.alloc(4096));
        await readFile(path);
      } finally {
        await rm(path, { force: true });
      }
    },
    close: () => clearInterval(sweeping),
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

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.sync();
}

/** Creates a file and puts its bytes on disk. */
async function writeThrough(path: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  await using file = await open(path, 'wx', fileMode);
  await file.writeFile(bytes);
  await file.sync();
}

async function sweep(directory: string, nowMs: number): Promise<void> {
  for await (const entry of await opendir(directory)) {
    if (!entry.isFile()) continue;
    const path = join(directory, entry.name);
    try {
      if (nowMs - (await stat(path)).mtimeMs > abandonedAfterMs) await rm(path, { force: true });
    } catch (error) {
      // Finished or dropped meanwhile.
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}
