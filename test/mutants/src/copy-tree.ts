// Copies the tree, with the node_modules of the original. Bugs are planted in the copy while others work on the
// original.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Returns all files that git tracks or would add, as they are now. */
export function listTree(root: string): readonly string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const { stdout, status } = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error('git cannot list the files of the tree');
  return stdout
    .split('\0')
    .filter((file) => file !== '' && lstatSync(join(root, file), { throwIfNoEntry: false })?.isFile() === true)
    .sort();
}

/** Returns a hash of all files that tests may depend on. It leaves out the documentation and the mutants. */
export function fingerprintOf(root: string, files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files.filter((path) => !/^test\/mutants\/[^/]*$/.test(path) && !path.endsWith('.md')))
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}

/** `target` is empty. Packages of the tree itself link into the copy, and all others into the original node_modules. */
export function copyTree(root: string, files: readonly string[], target: string): void {
  for (const file of files) {
    mkdirSync(dirname(join(target, file)), { recursive: true });
    cpSync(join(root, file), join(target, file));
  }
  linkModules(join(root, 'node_modules'), join(target, 'node_modules'));
}

function linkModules(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const path = join(from, entry.name);
    if (entry.name === '.cache') continue;
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(path), join(to, entry.name));
    else if (entry.isDirectory() && entry.name.startsWith('@')) linkModules(path, join(to, entry.name));
    else symlinkSync(path, join(to, entry.name));
  }
}
