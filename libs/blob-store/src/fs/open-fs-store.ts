// A blob store on a local file system. It has the layout of distribution (registry:2), so it can use a directory of
// distribution. Several processes may share one root.
import { open, opendir, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { CacheError } from '@cistern/errors';
import { type Digest, isDigest } from '@cistern/oci';
import { forEachBounded, untilAborted } from '@cistern/runtime';
import type { BlobStore, StoredBlob } from '../blob-store.ts';
import {
  blobKey,
  blobsPrefix,
  quarantineKey,
  checkObjectSize,
  parseObjectKey,
  parseObjectPrefix,
} from '../key-layout.ts';
import { orBodyError, readBody } from '../read-body.ts';
import { readDiskSpace } from '../read-disk-space.ts';
import type { StoreLog } from '../watch-store-outage.ts';
import { openFsReader } from './open-fs-reader.ts';
import { openSpool, syncDirectory } from './open-spool.ts';
import { createFileCalls, type FileCalls, hasCode, toStoreError } from './store-error.ts';
import { watchDirectory } from './watch-directory.ts';

export interface FsStoreOptions {
  /**
   * The `rootdirectory` of registry:2, for example `/var/lib/registry`. The store creates the directory if it is
   * missing.
   */
  readonly root: string;
  readonly log: StoreLog;
}

const algorithms = ['sha256', 'sha512'];
const removalsAtOnce = 8;

/** Rejects with `store-unavailable` if the root cannot be created or written. The caller closes the store. */
export async function openFsStore({ root: givenRoot, log }: FsStoreOptions): Promise<BlobStore> {
  const root = resolve(givenRoot);
  const spoolDirectory = join(root, 'cistern', 'spool');
  const spool = await openSpool(spoolDirectory, log).catch((error: unknown) => {
    throw toStoreError(error, 'use its directory');
  });
  const probe = async () =>
    spool.check().catch((error: unknown) => {
      throw toStoreError(error, 'be written and read');
    });
  const watch = watchDirectory({ root, log, probe });
  const calls = createFileCalls(watch.failed);
  const { attempt, attemptIfPresent } = calls;

  function pathOf(digest: Digest): string {
    return join(root, blobKey(digest));
  }

  function objectPathOf(key: string): string {
    const path = join(root, ...parseObjectKey(key));
    if (path === spoolDirectory || path.startsWith(`${spoolDirectory}/`))
      throw new TypeError(`${JSON.stringify(key)} is not a valid object key: unfinished files are stored there`);
    return path;
  }

  async function remove(digest: Digest): Promise<boolean> {
    const path = pathOf(digest);
    const removed = await attemptIfPresent('remove a blob', async () => {
      await unlink(path);
      return true;
    });
    // No fsync, because a blob that reappears after a power cut is still correct. `rmdir` may fail, because a new blob
    // may already be in the directory.
    if (removed) await rmdir(dirname(path)).catch(() => undefined);
    return removed ?? false;
  }

  return {
    spoolDirectory,
    async stat(digest) {
      const found = await attemptIfPresent('look up a blob', async () => stat(pathOf(digest)));
      return found && { size: found.size };
    },
    async open(digest, range) {
      return attemptIfPresent('open a blob', async () => openFsReader(calls, pathOf(digest), digest, range));
    },
    async put(digest, body, signal) {
      const writing = attempt('write a blob', () => spool.write(pathOf(digest), readBody(body, signal)));
      await orBodyError(untilAborted(writing, signal));
    },
    async beginUpload(digest, options) {
      return attempt('begin the upload of a blob', () => spool.beginUpload(calls, pathOf(digest), options));
    },
    remove,
    async removeAll(digests) {
      const failed = new Map<Digest, CacheError>();
      await forEachBounded(digests, { atOnce: removalsAtOnce }, async (digest) => {
        await remove(digest).catch((error: CacheError) => failed.set(digest, error));
      });
      return failed;
    },
    async quarantine(digest, atMs) {
      const path = pathOf(digest);
      const moved = await attemptIfPresent('quarantine a damaged blob', async () => {
        // Only `stat` reports a missing blob immediately: `place` takes ENOENT for a missing directory, and tries
        // again.
        await stat(path);
        await spool.place(path, join(root, quarantineKey(digest, atMs)));
        return true;
      });
      if (moved) await rmdir(dirname(path)).catch(() => undefined);
      return moved ?? false;
    },
    list: (shard) => listBlobFiles(calls, join(root, blobsPrefix), shard),
    async adoptFile(digest, path) {
      if (dirname(resolve(path)) !== spoolDirectory)
        throw new TypeError(`${JSON.stringify(path)} is not in the spool directory`);
      await attempt('commit a blob', () => spool.adopt(path, pathOf(digest)));
    },

    async readObject(key) {
      const path = objectPathOf(key);
      return attemptIfPresent('read an object', async () => {
        await using file = await open(path, 'r');
        checkObjectSize(key, (await file.stat()).size);
        return await file.readFile();
      });
    },
    async writeObject(key, bytes) {
      const target = objectPathOf(key);
      checkObjectSize(key, bytes.byteLength);
      await attempt('write an object', () => spool.write(target, bytes));
    },
    async removeObject(key) {
      const path = objectPathOf(key);
      const removed = await attemptIfPresent('remove an object', async () => {
        await unlink(path);
        // A revoked token or a removed tag must not reappear after a power cut.
        await syncDirectory(dirname(path));
        return true;
      });
      return removed ?? false;
    },
    async *listObjects(prefix) {
      yield* walk(calls, join(root, ...parseObjectPrefix(prefix)), { prefix, except: spoolDirectory });
    },

    space: () => attempt('read its free space', () => readDiskSpace(root)),
    check: () => attempt('be written and read', spool.check),
    async close() {
      spool.close();
      await watch.close();
    },
  };
}

/**
 * Yields the keys of all files below `directory`, except files below `except`. Each key is `prefix` and the path in
 * `directory`.
 */
async function* walk(
  calls: FileCalls,
  directory: string,
  { prefix, except }: { readonly prefix: string; readonly except: string },
): AsyncGenerator<string> {
  if (directory === except) return;
  try {
    for await (const entry of await opendir(directory)) {
      if (entry.isDirectory())
        yield* walk(calls, join(directory, entry.name), { prefix: `${prefix}${entry.name}/`, except });
      else if (entry.isFile()) yield `${prefix}${entry.name}`;
    }
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw calls.failure(error, 'list its objects');
  }
}

const shardName = /^[0-9a-f]{2}$/;

/**
 * Yields the blobs in distribution's directories one by one, because a cache may contain millions of blobs. Skips all
 * other entries. `directory` contains one directory for each algorithm; `shard` is the first two digits of a digest.
 */
async function* listBlobFiles(calls: FileCalls, directory: string, shard?: string): AsyncGenerator<StoredBlob> {
  for (const algorithm of algorithms) {
    for await (const prefix of shard === undefined ? entriesOf(calls, join(directory, algorithm)) : [shard]) {
      if (!shardName.test(prefix)) continue;
      for await (const hex of entriesOf(calls, join(directory, algorithm, prefix))) {
        const digest = `${algorithm}:${hex}`;
        if (!isDigest(digest) || !hex.startsWith(prefix)) continue;
        const found = await statFile(calls, join(directory, algorithm, prefix, hex, 'data'));
        if (found !== undefined) yield { digest, size: found.size, modifiedAtMs: found.mtimeMs };
      }
    }
  }
}

async function statFile(
  { attemptIfPresent }: FileCalls,
  path: string,
): Promise<{ readonly size: number; readonly mtimeMs: number } | undefined> {
  const found = await attemptIfPresent('list its blobs', async () => stat(path));
  return found?.isFile() ? found : undefined;
}

async function* entriesOf({ failure }: FileCalls, directory: string): AsyncGenerator<string> {
  try {
    for await (const { name } of await opendir(directory)) yield name;
  } catch (error) {
    // The directory does not exist, or was removed during the listing.
    if (!hasCode(error, 'ENOENT')) throw failure(error, 'list its blobs');
  }
}
