// Reads and replaces small text files that change while processes read them.
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Returns a function that resolves to the text of a file. Every call checks whether the file has changed, and reads
 * only a changed file. The check costs less than any request that needs the file. Rejects as `fs` does.
 */
export function fileText(path: string): () => Promise<string> {
  let kept: { readonly version: string; readonly text: string } | undefined;
  return async () => {
    const { mtimeNs, size, ino } = await stat(path, { bigint: true });
    const version = `${mtimeNs} ${size} ${ino}`;
    if (kept?.version === version) return kept.text;
    const text = await readFile(path, 'utf8');
    kept = { version, text };
    return text;
  };
}

/**
 * Replaces a file atomically: a reader sees either the old or the new text. A new file is private to its owner. A
 * replaced file keeps its mode and its owner, because in the container image root runs commands and another user runs
 * the server. Rejects as `fs` does, also if this process is not allowed to set the owner. The file is then unchanged.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const before = await stat(path).catch(() => undefined);
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await file.writeFile(text);
      if (before !== undefined && before.uid !== process.getuid?.()) await file.chown(before.uid, before.gid);
      if (before !== undefined) await file.chmod(before.mode & 0o777);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
