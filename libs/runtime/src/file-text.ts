// Reads and replaces small text files that change while processes read them.
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm, stat } from 'node:fs/promises';
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

/** Owner and mode of a file. */
export interface FileAccess {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/**
 * Replaces a file atomically: a reader sees either the old or the new text. A replaced file keeps its owner, its group
 * and its mode, because root may run commands while another user runs the server. A new file gets `created`, by default
 * private to the user of this process. Rejects as `fs` does, also if this process is not allowed to set the owner. The
 * file is then unchanged.
 */
export async function replaceFile(path: string, text: string, created?: FileAccess): Promise<void> {
  const access = (await stat(path).catch(ignoreMissing)) ?? created;
  const temporary = join(dirname(path), `.${randomUUID()}.tmp`);
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await file.writeFile(text);
      if (access !== undefined) await setAccess(file, access);
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

/** Handles a rejection of `fs`: returns `undefined` for a missing file, and throws any other error. */
export function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
}

/** Sets the mode first, because a process without all rights of root may not set it once the owner is another user. */
async function setAccess(file: FileHandle, { uid, gid, mode }: FileAccess): Promise<void> {
  await file.chmod(mode & 0o777);
  const current = await file.stat();
  if (current.uid !== uid || current.gid !== gid) await file.chown(uid, gid);
}
