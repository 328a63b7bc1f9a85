// The list of a release's files.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Returns a line for each file in `directory`, in the format of `sha256sum`. */
export async function checksums(directory: string): Promise<string> {
  const files = (await readdir(directory)).toSorted();
  const lines = files.map(async (name) => {
    const hash = createHash('sha256').update(await readFile(join(directory, name)));
    return `${hash.digest('hex')}  ${name}\n`;
  });
  return (await Promise.all(lines)).join('');
}
