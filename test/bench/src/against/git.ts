// The `git` command.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What it prints, without the last line break. Rejects with what it complains about. */
export async function git(cwd: string, ...args: readonly string[]): Promise<string> {
  try {
    return (await promisify(execFile)('git', args, { cwd })).stdout.trimEnd();
  } catch (error) {
    const { code, stderr } = error as { readonly code?: string | number; readonly stderr?: string };
    if (code === 'ENOENT') throw new Error('"git" was not found: install git.', { cause: error });
    throw new Error(`"git ${args[0]}" failed in ${cwd}: ${stderr?.trim()}`, { cause: error });
  }
}
