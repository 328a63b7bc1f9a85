// A file that is there whole, before and after: whoever reads it sees the old text or the new one.
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';

/**
 * A new file is readable by its owner alone. One that is replaced keeps its mode and, as far as this process may set it, its owner: in
 * the image root runs commands beside a server that is another user. Rejects as `fs` does, with nothing changed.
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
