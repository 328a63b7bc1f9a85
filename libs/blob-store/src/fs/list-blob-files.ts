// Walks distribution's blob directories, an entry at a time: a cache may hold millions of blobs. Anything that is not a
// committed blob is passed over.
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDigest } from '@cistern/oci';
import type { StoredBlob } from '../blob-store.ts';
import { attemptIfPresent, hasCode, toStoreError } from './store-error.ts';

const algorithms = ['sha256', 'sha512'];

/** `directory` is the one that holds a directory for each algorithm; `shard`: the first two digits of a digest. */
export async function* listBlobFiles(directory: string, shard?: string): AsyncGenerator<StoredBlob> {
  for (const algorithm of algorithms) {
    for await (const prefix of shard === undefined ? entriesOf(join(directory, algorithm)) : [shard]) {
      for await (const hex of entriesOf(join(directory, algorithm, prefix))) {
        const digest = `${algorithm}:${hex}`;
        if (!isDigest(digest) || !hex.startsWith(prefix) || prefix.length !== 2) continue;
        const found = await statFile(join(directory, algorithm, prefix, hex, 'data'));
        if (found !== undefined) yield { digest, size: found.size, modifiedAtMs: found.mtimeMs };
      }
    }
  }
}

async function statFile(path: string): Promise<{ readonly size: number; readonly mtimeMs: number } | undefined> {
  const found = await attemptIfPresent('list its blobs', async () => stat(path));
  return found?.isFile() ? found : undefined;
}

async function* entriesOf(directory: string): AsyncGenerator<string> {
  try {
    for await (const { name } of await opendir(directory)) yield name;
  } catch (error) {
    // Removed while the walk was under way.
    if (!hasCode(error, 'ENOENT')) throw toStoreError(error, 'list its blobs');
  }
}
