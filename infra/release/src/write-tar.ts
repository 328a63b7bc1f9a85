// Writes files as a tar archive that is always the same for the same files.
import { buffer } from 'node:stream/consumers';
import { posix } from 'node:path';
import { pack } from 'tar-stream';
import { directoryOf, type PackedFile } from './files.ts';

/** Returns an archive of `files` and their parent directories, sorted by path. Every file has the time `madeAt`. */
export async function writeTar(files: readonly PackedFile[], madeAt: Date): Promise<Buffer> {
  const archive = pack();
  for (const { path, mode, owner = 0, content } of withParents(files)) {
    const header = { name: path, mode, uid: owner, gid: owner, mtime: madeAt };
    if (content === undefined) archive.entry({ ...header, name: `${path}/`, type: 'directory' });
    else if (Buffer.isBuffer(content)) archive.entry(header, content);
    else archive.entry({ ...header, type: 'symlink', linkname: content.target });
  }
  archive.finalize();
  return buffer(archive);
}

function withParents(files: readonly PackedFile[]): PackedFile[] {
  const all = new Map(files.map((file) => [file.path, file]));
  for (const { path } of files)
    for (let parent = posix.dirname(path); parent !== '.' && !all.has(parent); parent = posix.dirname(parent))
      all.set(parent, directoryOf(parent));
  return [...all.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}
