// The dependencies of one checkout for another one with the same package-lock.json, without a copy of them.
import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Directories of relative links: into the workspaces, and to the programs of packages. They are right in any checkout. */
const ofLinks = new Set(['@cistern', '.bin']);
/** Compiled sources, by their path. Each checkout has its own. */
const caches = new Set(['.cache']);

/** Makes `node_modules` of `to`, where packages are links to those of `from` and workspaces are those of `to`. */
export async function linkModules(from: string, to: string): Promise<void> {
  const [source, target] = [join(from, 'node_modules'), join(to, 'node_modules')];
  await mkdir(target);
  for (const name of await readdir(source)) {
    const [path, place] = [join(source, name), join(target, name)];
    if (ofLinks.has(name)) await cp(path, place, { recursive: true, verbatimSymlinks: true });
    else if (!caches.has(name)) await symlink(path, place);
  }
}
