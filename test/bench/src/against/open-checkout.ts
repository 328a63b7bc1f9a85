// Checks out another commit, ready to start, in a git worktree that is removed however the run ends.
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
  /** Removes the checkout, whose servers must have ended. Idempotent. */
  close(): void;
}

export interface CheckoutOptions {
  /** A work tree with installed dependencies. */
  readonly repository: string;
  /** The hash that `resolveCommit` returns. */
  readonly commit: string;
  readonly print: (text: string) => void;
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Opens a checkout. It has its own dependencies unless its package-lock.json is that of `repository`. A signal removes
 * it and ends this process. The caller closes it.
 */
export async function openCheckout({ repository, commit, print }: CheckoutOptions): Promise<Checkout> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'cistern-against-')));
  // The guard removes the files even after SIGKILL. Git prunes its own record of the worktree later.
  const guard = guardDirectory(directory);
  const root = join(directory, 'cistern');
  const close = () => {
    spawnSync('git', ['worktree', 'remove', '--force', root], { cwd: repository });
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    guard.dismiss();
    // The handlers stay until here: Ctrl-C may arrive twice, and the second one must not interrupt the removal.
    for (const signal of signals) process.off(signal, end);
  };
  const end = (signal: NodeJS.Signals) => {
    print(`${signal}: removing ${root}`);
    close();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of signals) process.on(signal, end);
  try {
    print(`checking out ${commit} into ${root}`);
    const noHooks = ['-c', 'core.hooksPath=/dev/null'];
    await git(repository, ...noHooks, 'worktree', 'add', '--quiet', '--detach', root, commit);
    if (await canLink(repository, root)) await linkModules(repository, root);
    else print('its dependencies differ: running "npm ci" there');
    await startOnce(root, directory);
    return { root, close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Starts the launcher once, which installs missing dependencies. A commit that cannot start fails here with its output.
 */
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

/** Returns whether both lockfiles are the same and put all packages into the root's node_modules. */
async function canLink(repository: string, root: string): Promise<boolean> {
  const [own, other] = await Promise.all([repository, root].map(readLock));
  return own === other && !/^\s*"(?!node_modules\/)[^"]*\/node_modules\/[^"]*": \{/m.test(own ?? '');
}

/** Returns an empty string if there is no lockfile. */
function readLock(checkout: string): Promise<string> {
  return readFile(join(checkout, 'package-lock.json'), 'utf8').catch(() => '');
}
