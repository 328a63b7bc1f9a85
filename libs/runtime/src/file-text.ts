// Small text files that change while processes read them.
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Its text, read again only when it has changed. The file is looked at on every call: that costs less than any request for which
 * it is needed. Rejects as `fs` does.
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
 * A reader sees the old text or the new one, whole. A new file is readable by its owner alone. One that is replaced keeps its
 * mode and, as far as this process may set it, its owner: in the image root runs commands beside a server that is another
 * user. Rejects as `fs` does, with nothing changed.
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
