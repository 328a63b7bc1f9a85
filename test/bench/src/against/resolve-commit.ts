// Resolves a name to a commit, and checks that it can be compared with the work tree.
import { git } from './git.ts';

/** The program that starts a server in every comparable commit. */
export const launcher = 'services/cli/launch/cistern.mjs';

/** Returns the full hash. Rejects with an error for the user. */
export async function resolveCommit(repository: string, name: string): Promise<string> {
  if ((await git(repository, 'ls-files', '--unmerged')) !== '')
    throw new Error('The work tree has unmerged files. Resolve the conflicts before you compare it.');
  const found = git(repository, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`);
  const commit = await found.catch((cause: unknown) => {
    throw new Error(`"${name}" is not a commit of this repository. Give a hash, a tag or a branch that git knows.`, {
      cause,
    });
  });
  if ((await git(repository, 'ls-tree', '--name-only', commit, launcher)) === '')
    throw new Error(`${name} has no ${launcher}. It is too old to be compared with the work tree.`);
  return commit;
}

/** Returns the commit of the work tree, and whether files have changed since. `without` are paths that do not count. */
export async function describeWorkTree(repository: string, without: readonly string[] = []): Promise<string> {
  const commit = await git(repository, 'rev-parse', '--short', 'HEAD');
  const paths = ['.', ...without.map((path) => `:!${path}`)];
  const changes = await git(repository, 'status', '--porcelain', '--', ...paths);
  return changes === '' ? commit : `${commit} with uncommitted changes`;
}
