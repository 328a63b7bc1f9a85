// The sources of another commit, ready to be started, in a git worktree that is removed however the run ends.
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, realpath } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { guardDirectory, startProcess } from '@cistern/test-servers';
import { git } from './git.ts';
import { linkModules } from './link-modules.ts';
import { launcher } from './resolve-commit.ts';

export interface Checkout {
  /** The worktree's directory. */
  readonly root: string;
  /** Idempotent. Servers of the checkout must have ended. */
  close(): void;
}

export interface CheckoutOptions {
  /** A work tree whose dependencies are installed. */
  readonly repository: string;
  /** As `resolveCommit` returns it. */
  readonly commit: string;
  readonly say: (text: string) => void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The checkout has dependencies of its own unless its package-lock.json is that of `repository`. A signal removes it and
 * ends this process. The caller closes it.
 */
export async function openCheckout({ repository, commit, say }: CheckoutOptions): Promise<Checkout> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'cistern-against-')));
  // Removes the files even after SIGKILL. Git prunes its own record of the worktree some day.
  const guard = guardDirectory(directory);
  const root = join(directory, 'cistern');
  const close = () => {
    spawnSync('git', ['worktree', 'remove', '--force', root], { cwd: repository });
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    guard.dismiss();
    // Not before: Ctrl-C may arrive twice, and the second one must not interrupt the removal.
    for (const signal of signals) process.off(signal, end);
  };
  const end = (signal: NodeJS.Signals) => {
    say(`${signal}: removing ${root}`);
    close();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of signals) process.on(signal, end);
  try {
    say(`checking out ${commit} into ${root}`);
    const noHooks = ['-c', 'core.hooksPath=/dev/null'];
    await git(repository, ...noHooks, 'worktree', 'add', '--quiet', '--detach', root, commit);
    if (await canLink(repository, root)) await linkModules(repository, root);
    else say('its dependencies differ: running "npm ci" there');
    await startOnce(root, directory);
    return { root, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** The launcher installs what is missing. And a commit that cannot be started at all fails here, with its output. */
async function startOnce(root: string, directory: string): Promise<void> {
  const program = await startProcess({
    command: process.execPath,
    args: [join(root, launcher), '--version'],
    cwd: root,
    outputFile: join(directory, 'first-start.log'),
  });
  const { code, signal } = await program.waitForExit();
  const output = program.outputLines().slice(-40).join('\n');
  await program.stop();
  if (code !== 0) throw new Error(`The commit cannot be started (${signal ?? `exit code ${code}`}):\n${output}`);
}

/** Whether both lockfiles are the same, and put no package anywhere but into the root's node_modules. */
async function canLink(repository: string, root: string): Promise<boolean> {
  const [own, other] = await Promise.all([repository, root].map(readLock));
  return own === other && !/^\s*"(?!node_modules\/)[^"]*\/node_modules\/[^"]*": \{/m.test(own ?? '');
}

/** Empty where there is none. */
function readLock(checkout: string): Promise<string> {
  return readFile(join(checkout, 'package-lock.json'), 'utf8').catch(() => '');
}
