// Reads and replaces small text files that change while processes read them.
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Returns a function that resolves with the text of a file. Every call checks the file and reads it only if it has
 * changed. The check costs less than any request that needs the file. Rejects as `fs` does.
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
 * replaced one keeps its mode and its owner, if this process may set it. In the image root runs commands, and the
 * server is another user. Rejects as `fs` does, and then the file is unchanged.
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
