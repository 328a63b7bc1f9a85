// Runs the `git` command.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Returns the output without the last line break. Rejects with git's error message. */
export async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)('git', args, { cwd })).stdout.trimEnd();
  } catch (error) {
    const { code, stderr } = error as { readonly code?: string | number; readonly stderr?: string };
    if (code === 'ENOENT') throw new Error('"git" was not found. Install git.', { cause: error });
    throw new Error(`"git ${args[0]}" failed in ${cwd}: ${stderr?.trim()}`, { cause: error });
  }
}
