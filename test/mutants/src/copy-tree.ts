// A private copy of the tree, with the node_modules of the real one: there a bug can be planted while others work.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** All that the repository knows or would take, as it is now. */
export function listTree(root: string): readonly string[] {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const { stdout, status } = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (status !== 0) throw new Error('git cannot list the files of the tree');
  return stdout
    .split('\0')
    .filter((file) => file !== '' && lstatSync(join(root, file), { throwIfNoEntry: false })?.isFile() === true)
    .sort();
}

/** Of all that tests may depend on: neither the documentation nor the mutants themselves. */
export function fingerprintOf(root: string, files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files.filter((path) => !/^test\/mutants\/[^/]*$/.test(path) && !path.endsWith('.md')))
    hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex').slice(0, 16);
}

/** `target` is empty. Packages of the tree itself lead into the copy, all others into the real node_modules. */
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
