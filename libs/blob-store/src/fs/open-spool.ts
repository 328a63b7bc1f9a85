// Writes files into the spool directory and moves complete files to their final path. So a final path has a whole file
// or none, even after a crash or power cut. Only the user of the process can access new files and directories. Existing
// files and directories keep their modes.
import { randomUUID } from 'node:crypto';
import { mkdir, open, opendir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createSingleFlight } from '@cistern/runtime';
import type { BlobUpload, BlobUploadOptions } from '../blob-store.ts';
import { beginFsUpload } from './begin-fs-upload.ts';
import type { StoreLog } from '../watch-store-outage.ts';
import { type FileCalls, hasCode } from './store-error.ts';

/** Images may be private, so other users of the machine must not read them. */
const fileMode = 0o600;
const directoryMode = 0o700;
/**
 * Attempts to move a file. A concurrent `remove` can delete the new target directory before the move, but not this
 * often.
 */
const maxAttempts = 20;
/**
 * Age from which a file counts as abandoned, since its last write. A fill writes often, and its timeouts are much
 * shorter. So the process that wrote a file of this age has ended.
 */
const abandonedAfterMs = 3_600_000;

/**
 * Creates the directory, and removes abandoned files from it now and each hour. The functions of the spool reject with
 * the file system's own errors; an upload rejects as its `calls` do. The caller closes the spool.
 */
export async function openSpool(directory: string, log: StoreLog) {
  /** Directories that are being created. Concurrent calls for one directory wait until it is synced to disk. */
  const making = createSingleFlight<void>();
  /**
   * Files that `adopt` has moved, but whose move is perhaps not synced to disk. A repeated call only has to sync the
   * directory.
   */
  const adopted = new Set<string>();

  /** Creates a directory and its missing parents, and syncs all of them to disk. */
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

  /**
   * Moves a file to `target` and syncs the move to disk. Replaces an existing file. The bytes of the file must already
   * be synced.
   */
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

  /** Like `place`, for a file whose bytes are not synced yet. The caller may repeat the call after a rejection. */
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
    async beginUpload(calls: FileCalls, target: string, options: BlobUploadOptions): Promise<BlobUpload> {
      const path = join(directory, randomUUID());
      await (await open(path, 'wx', fileMode)).close();
      return beginFsUpload(calls, { ...options, path, place: () => adopt(path, target) });
    },
    /** Writes `target`, replacing an existing file. */
    async write(target: string, bytes: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
      const path = join(directory, randomUUID());
      try {
        await writeThrough(path, bytes);
        await place(path, target);
      } catch (error) {
        // If this removal fails, the sweep removes the file later. The error to report is the first one.
        await rm(path, { force: true }).catch(() => undefined);
        throw error;
      }
    },
    /** Checks the directory: writes a file, reads it back and removes it. */
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

/** Syncs the entries of a directory to disk. Does nothing if the directory no longer exists. */
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
      // The file was committed or removed meanwhile.
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}
