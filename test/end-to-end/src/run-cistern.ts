// The `cistern` command as a person runs it, to its end or to a point.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const launcher = fileURLToPath(new URL('../../../services/cli/launch/cistern.mjs', import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
}

/** For commands that end by themselves; one that does not is killed after two minutes, and its code is `null`. */
export function runCistern(args: readonly string[], { env = {} }: RunOptions = {}): Promise<Run> {
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env['PATH'], ...env }, timeout: 120_000, killSignal: 'SIGKILL' as const };
    const child = execFile(process.execPath, [launcher, ...args], options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
