// Runs programs of the machine.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Resolves to the standard output. Rejects with an Error that has the command and its standard error. */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  try {
    const { stdout } = await execute(command, args, {
      maxBuffer: 2 ** 30,
      ...options,
      env: { ...process.env, ...options.env },
    });
    return stdout;
  } catch (error) {
    const { code, stderr = '' } = error as { readonly code?: string | number; readonly stderr?: string };
    const reason = code === 'ENOENT' ? 'is not installed' : `failed: ${stderr.trim() || String(error)}`;
    throw new Error(`${command} ${args.slice(0, 2).join(' ')} ${reason}`, { cause: error });
  }
}
