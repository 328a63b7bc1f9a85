// A blob store on a local filesystem, laid out as distribution (registry:2) does, so that its directory is ours. Several
// processes may share one root.
import { randomUUID } from 'node:crypto';
import { open, readFile, rm, rmdir, stat, unlink, opendir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Digest } from '@cistern/oci';
import type { BlobStore } from '../blob-store.ts';
import { blobKey, blobsPrefix, quarantineKey } from '../key-layout.ts';
import { beginFsWriter } from './begin-fs-writer.ts';
import { createFsObjects, writeThrough } from './create-fs-objects.ts';
import { createPlacer, syncDirectory } from './create-placer.ts';
import { readDiskSpace } from '../read-disk-space.ts';
import { listBlobFiles } from './list-blob-files.ts';
import { openFsReader } from './open-fs-reader.ts';
import { attempt, attemptIfPresent, hasCode } from './store-error.ts';

/**
 * A fill writes often, and its timeouts end it long before this. A file without a write for an hour has lost its writer.
 */
const abandonedAfterMs = 3_600_000;

/** The part of a logger that the store needs: fields first, then a constant message. */
interface StoreLog {
  warn(fields: object, message: string): void;
}

export interface FsStoreOptions {
  /** registry:2's `rootdirectory`, for example `/var/lib/registry`; made if it is missing. */
  readonly root: string;
  readonly log: StoreLog;
}

/** Rejects with `store-unavailable` if the root cannot be made or written. The caller closes the store. */
export async function openFsStore({ root: givenRoot, log }: FsStoreOptions): Promise<BlobStore> {
  const root = resolve(givenRoot);
  const spoolDirectory = join(root, 'cistern', 'spool');
  const placer = createPlacer();
  /** Files of the spool that are in place, but perhaps not on disk yet: another try has only that left to do. */
  const adopted = new Set<string>();
  await attempt('use its directory', async () => {
    await placer.ensureDirectory(spoolDirectory);
    await sweepSpool(spoolDirectory, Date.now());
  });
  const sweeping = setInterval(() => {
    sweepSpool(spoolDirectory, Date.now()).catch((error: unknown) =>
      log.warn({ err: error }, 'the spool directory could not be swept'),
    );
  }, abandonedAfterMs).unref();

  function pathOf(digest: Digest): string {
    return join(root, blobKey(digest));
  }

  return {
    spoolDirectory,
    ...createFsObjects({ root, spoolDirectory, placer }),

    async stat(digest) {
      const found = await attemptIfPresent('look for a blob', async () => stat(pathOf(digest)));
      return found && { size: found.size };
    },
    async open(digest, range) {
      return attemptIfPresent('open a blob', async () => openFsReader(pathOf(digest), digest, range));
    },
    async begin(digest) {
      return beginFsWriter({ spoolDirectory, target: pathOf(digest), placer });
    },
    async remove(digest) {
      const path = pathOf(digest);
      const removed = await attemptIfPresent('remove a blob', async () => {
        await unlink(path);
        return true;
      });
      // Not put on disk: a blob that comes back after a power cut is still right. The directory may be in use again.
      if (removed) await rmdir(dirname(path)).catch(() => undefined);
      return removed ?? false;
    },
    async quarantine(digest, atMs) {
      const path = pathOf(digest);
      const moved = await attemptIfPresent('move a damaged blob away', async () => {
        // `place` makes up for directories that go meanwhile; whether the file is there it does not tell.
        await stat(path);
        await placer.place(path, join(root, quarantineKey(digest, atMs)));
        return true;
      });
      if (moved) await rmdir(dirname(path)).catch(() => undefined);
      return moved ?? false;
    },
    list(shard) {
      return listBlobFiles(join(root, blobsPrefix), shard);
    },
    async adoptFile(digest, path) {
      if (dirname(resolve(path)) !== spoolDirectory)
        throw new TypeError(`${JSON.stringify(path)} does not lie in the spool directory`);
      await attempt('commit a blob', async () => {
        const target = pathOf(digest);
        if (!adopted.has(path)) {
          await syncFile(path);
          await placer.move(path, target);
          adopted.add(path);
        }
        await syncDirectory(dirname(target));
        adopted.delete(path);
      });
    },
    async space() {
      return attempt('look at its free space', async () => readDiskSpace(root));
    },
    async check() {
      const path = join(spoolDirectory, randomUUID());
      await attempt('be written and read', async () => {
        try {
          await writeThrough(path, Buffer.alloc(4096));
          await readFile(path);
        } finally {
          await rm(path, { force: true });
        }
      });
    },
    async close() {
      clearInterval(sweeping);
    },
  };
}

async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.sync();
}

/** Rejects with the filesystem's own errors. */
async function sweepSpool(spoolDirectory: string, nowMs: number): Promise<void> {
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
