// Writes files into the spool directory and moves them into place. Each file therefore exists whole or not at all, even
// after a crash or power cut. New files and directories are accessible only to the process's user; existing ones keep
// their modes.
import { randomUUID } from 'node:crypto';
import { mkdir, open, opendir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createSingleFlight } from '@cistern/runtime';
import type { BlobUpload, BlobUploadOptions } from '../blob-store.ts';
import { beginFsUpload } from './begin-fs-upload.ts';
import { hasCode } from './store-error.ts';

/** Images may be private, so other users of the machine must not read them. */
const fileMode = 0o600;
const directoryMode = 0o700;
/** A concurrent `remove` may delete the new directory again, but not this often. */
const maxAttempts = 20;
/**
 * A fill writes often, and its timeouts end it long before this. A file without a write for an hour has lost its
 * writer.
 */
const abandonedAfterMs = 3_600_000;

/** The part of a logger that the store needs. Fields come first, then a constant message. */
export interface StoreLog {
  warn(fields: object, message: string): void;
}

/**
 * Creates the directory, and removes abandoned files from it now and each hour. Its functions reject with the file
 * system's own errors, except those of an upload. The caller closes it.
 */
export async function openSpool(directory: string, log: StoreLog) {
  /** A caller that finds a directory created by another call must wait until that call has synced it to disk. */
  const making = createSingleFlight<void>();
  /** Files that are in place but perhaps not yet synced to disk. Another attempt only has to sync them. */
  const adopted = new Set<string>();

  /** Creates a directory with its parents and syncs them to disk. */
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

  /** Moves a file that is already synced to `target`, replaces an existing file, and syncs the move to disk. */
  async function place(path: string, target: string): Promise<void> {
    await move(path, target);
    await syncDirectory(dirname(target));
  }

  await ensureDirectory(directory);
  await sweep(directory, Date.now());
  const sweeping = setInterval(() => {
    sweep(directory, Date.now()).catch((error: unknown) =>
      log.warn({ err: error }, 'failed to sweep the spool directory'),
    );
  }, abandonedAfterMs).unref();

  /** Like `place`, for a file that is not yet synced. After a rejection the same call may be repeated. */
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
    /** Writes `target`, replacing an existing file. */
    async write(target: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
      const path = join(directory, randomUUID());
      try {
        await writeThrough(path, bytes);
        await place(path, target);
      } catch (error) {
        // The sweep removes the file later if this fails. The first error is the one to report.
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

/** Syncs the entries of a directory to disk. Ignores a directory that was removed meanwhile. */
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

/** Creates a file and syncs its bytes to disk. */
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
      // Committed or dropped meanwhile.
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}
