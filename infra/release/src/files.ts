// Lists of files that become layers of an image. A list has no directories that only contain its files: they are added
// with owner root and mode 755.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

export interface PackedFile {
  /** Path from the root of the file system, without a leading slash. */
  readonly path: string;
  readonly mode: number;
  /** The user and group of the owner. */
  readonly owner?: number;
  /** Bytes of a file, the target of a symbolic link, or `undefined` for a directory. */
  readonly content: Buffer | { readonly target: string } | undefined;
}

export const fileOf = (path: string, content: Buffer | string, mode = 0o644): PackedFile => ({
  path,
  mode,
  content: Buffer.from(content),
});
export const linkOf = (path: string, target: string): PackedFile => ({ path, mode: 0o777, content: { target } });
export const directoryOf = (path: string, mode = 0o755, owner = 0): PackedFile => ({
  path,
  mode,
  owner,
  content: undefined,
});

/** Returns the files below `directory` under the path `to`. A file is executable for all users or for none. */
export async function filesBelow(directory: string, to: string): Promise<PackedFile[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files.map(async (file) => {
      const { mode } = await stat(file);
      return fileOf(join(to, file.slice(directory.length)), await readFile(file), (mode & 0o111) === 0 ? 0o644 : 0o755);
    }),
  );
}
