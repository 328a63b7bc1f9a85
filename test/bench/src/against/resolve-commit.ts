// Which commit a name stands for, and whether it can be compared with the work tree.
import { git } from './git.ts';

/** How a server is started, in every commit that can be compared. */
export const launcher = 'services/cli/launch/cistern.mjs';

/** The whole hash. Throws an error for the user. */
export async function resolveCommit(repository: string, name: string): Promise<string> {
  if ((await git(repository, 'ls-files', '--unmerged')) !== '')
    throw new Error('The work tree has unmerged files: resolve the conflicts before you compare it.');
  const found = git(repository, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`);
  const commit = await found.catch((cause: unknown) => {
    throw new Error(`"${name}" is not a commit of this repository: give a hash, a tag or a branch that git knows.`, {
      cause,
    });
  });
  if ((await git(repository, 'ls-tree', '--name-only', commit, launcher)) === '')
    throw new Error(`${name} has no ${launcher}: it is too old to be started beside the work tree.`);
  return commit;
}

/** The commit of the work tree, and whether files have changed since. */
export async function describeWorkTree(repository: string): Promise<string> {
  const commit = await git(repository, 'rev-parse', '--short', 'HEAD');
  return (await git(repository, 'status', '--porcelain')) === '' ? commit : `${commit} with uncommitted changes`;
}
