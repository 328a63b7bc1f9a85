// Small named objects as files below the root.
import { randomUUID } from 'node:crypto';
import { open, opendir, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { BlobStore } from '../blob-store.ts';
import { checkObjectSize, parseObjectKey, parseObjectPrefix } from '../object-key.ts';
import { fileMode, type Placer, syncDirectory } from './create-placer.ts';
import { attempt, attemptIfPresent, hasCode, toStoreError } from './store-error.ts';

type ObjectMethods = Pick<BlobStore, 'readObject' | 'writeObject' | 'removeObject' | 'listObjects'>;

export interface FsObjectsOptions {
  readonly root: string;
  readonly spoolDirectory: string;
  readonly placer: Placer;
}

export function createFsObjects({ root, spoolDirectory, placer }: FsObjectsOptions): ObjectMethods {
  function pathOf(key: string): string {
    const path = join(root, ...parseObjectKey(key));
    if (path === spoolDirectory || path.startsWith(`${spoolDirectory}/`))
      throw new TypeError(`${JSON.stringify(key)} is not a valid object key: unfinished files lie there`);
    return path;
  }

  async function* walk(directory: string, prefix: string): AsyncGenerator<string> {
    if (directory === spoolDirectory) return;
    try {
      for await (const entry of await opendir(directory)) {
        if (entry.isDirectory()) yield* walk(join(directory, entry.name), `${prefix}${entry.name}/`);
        else if (entry.isFile()) yield `${prefix}${entry.name}`;
      }
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw toStoreError(error, 'list its objects');
    }
  }

  return {
    async readObject(key) {
      const path = pathOf(key);
      return attemptIfPresent('read an object', async () => {
        await using file = await open(path, 'r');
        checkObjectSize(key, (await file.stat()).size);
        return await file.readFile();
      });
    },

    async writeObject(key, bytes) {
      const target = pathOf(key);
      checkObjectSize(key, bytes.byteLength);
      const path = join(spoolDirectory, randomUUID());
      await attempt('write an object', async () => {
        try {
          await writeThrough(path, bytes);
          await placer.place(path, target);
        } catch (error) {
          // What cannot be removed now is swept later; the first error is the one to tell.
          await rm(path, { force: true }).catch(() => undefined);
          throw error;
        }
      });
    },

    async removeObject(key) {
      const path = pathOf(key);
      const removed = await attemptIfPresent('remove an object', async () => {
        await unlink(path);
        // A revoked token or a forgotten tag must not come back after a power cut.
        await syncDirectory(dirname(path));
        return true;
      });
      return removed ?? false;
    },

    async *listObjects(prefix) {
      yield* walk(join(root, ...parseObjectPrefix(prefix)), prefix);
    },
  };
}

/** Creates a file and puts its bytes on disk. */
export async function writeThrough(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'wx', fileMode);
  await file.writeFile(bytes);
  await file.sync();
}
