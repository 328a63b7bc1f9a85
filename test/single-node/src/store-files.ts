// Reads the files below a root directory, without Cistern.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

/**
 * Returns the sorted paths of all files below `directory`, relative to `directory`. Returns no path if the directory
 * does not exist.
 */
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

/** Returns the stored digests whose files contain other bytes. */
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
 * Returns the files of unfinished fills and writes. A health check of the store also writes such a file, and removes
 * the file immediately.
 */
export async function spoolFiles(rootDirectory: string): Promise<string[]> {
  const files = await filesBelow(join(rootDirectory, 'cistern', 'spool'));
  return files.filter((name) => name.endsWith('.fill'));
}
