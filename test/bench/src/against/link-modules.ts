// Links the dependencies of one checkout into another one with the same package-lock.json, without a copy.
import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Directories of relative links to workspaces and to programs of packages. The links are valid in any checkout. */
const ofLinks = new Set(['@cistern', '.bin']);
/** Caches of compiled sources, keyed by path. Each checkout has its own. */
const caches = new Set(['.cache']);

/** Creates `node_modules` of `to`: its packages are links to those of `from`, and its workspaces are its own. */
export async function linkModules(from: string, to: string): Promise<void> {
  const [source, target] = [join(from, 'node_modules'), join(to, 'node_modules')];
  await mkdir(target);
  for (const name of await readdir(source)) {
    const [path, place] = [join(source, name), join(target, name)];
    if (ofLinks.has(name)) await cp(path, place, { recursive: true, verbatimSymlinks: true });
    else if (!caches.has(name)) await symlink(path, place);
  }
}
