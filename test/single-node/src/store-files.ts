// Reads the files below a root directory, without Cistern.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/** Returns every file below `directory`, relative to it and sorted. Returns none if there is no such directory. */
export async function filesBelow(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/'))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

const blobsDirectory = 'docker/registry/v2/blobs';

/** Returns the digests of stored blobs and manifests, without reading their files. */
export async function storedDigests(rootDirectory: string): Promise<string[]> {
  const files = await filesBelow(join(rootDirectory, blobsDirectory));
  return files.map((file) => {
    const [, algorithm, hex] = /^(sha256|sha512)\/[0-9a-f]{2}\/([0-9a-f]+)\/data$/.exec(file) ?? [];
    if (algorithm === undefined || hex === undefined) throw new Error(`not the file of a blob: ${file}`);
    return `${algorithm}:${hex}`;
  });
}

export function blobFile(rootDirectory: string, digest: string): string {
  const [algorithm = '', hex = ''] = digest.split(':');
  return join(rootDirectory, blobsDirectory, algorithm, hex.slice(0, 2), hex, 'data');
}

/** Returns digests whose file holds other bytes. */
export async function wronglyStored(rootDirectory: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const digest of await storedDigests(rootDirectory)) {
    const bytes = await readFile(blobFile(rootDirectory, digest));
    const [algorithm = ''] = digest.split(':');
    if (`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` !== digest) wrong.push(digest);
  }
  return wrong;
}

/**
 * Returns files of unfinished fills and writes. A health check of the store also writes one, and removes it
 * immediately.
 */
export async function spoolFiles(rootDirectory: string): Promise<string[]> {
  const files = await filesBelow(join(rootDirectory, 'cistern', 'spool'));
  return files.filter((name) => name.endsWith('.fill'));
}
