// Runs a command of `cistern` in the test's process, from its arguments to its exit code. A signal for a node is an
// event of the test's process and reaches every node there. So only one node can run at a time.
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { runProgram } from '../run-program.ts';
import { isNodeCommand } from '../translate-command.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { openOutput } from './open-output.ts';
import { takeOverProcess } from './take-over-process.ts';

export interface CommandOptions {
  readonly env?: Terminal['env'];
  readonly stdin?: string;
  /** Makes standard input a terminal, on which the user types `stdin`. */
  readonly isTyped?: boolean;
  /** Makes standard output a terminal with this many rows. */
  readonly rows?: number;
  /** Receives each text that the command writes to standard output, except the log of a node. */
  readonly onWrite?: (text: string) => void;
}

export interface CommandEnd {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartedCommand {
  /** Returns the output so far. */
  output(): Pick<CommandEnd, 'stdout' | 'stderr'>;
  /** True if the command is a node that listens. The caller ends the node by a signal. */
  readonly isNode: boolean;
  kill(signal: NodeJS.Signals): void;
  readonly end: Promise<CommandEnd>;
}

/** Resolves when the command has ended, or when its node listens. */
export async function startCommand(
  args: readonly string[],
  { env = {}, stdin = '', isTyped = false, rows, onWrite }: CommandOptions = {},
): Promise<StartedCommand> {
  const stdout = openOutput();
  let stderr = '';
  const terminal: Terminal = {
    env,
    stdin: Object.assign(Readable.from([stdin]), isTyped && { isTTY: true }),
    stdout: {
      fd: stdout.fd,
      write(text) {
        stdout.write(text);
        onWrite?.(text);
      },
      ...(rows !== undefined && { isTTY: true, rows }),
    },
    stderr: { write: (text) => (stderr += text) },
  };
  const output = () => ({ stdout: stdout.text(), stderr });
  const isMeantAsNode = isNodeCommand(args);
  const taken = takeOverProcess();
  await taken.run(() => runProgram(args, terminal));
  const isNode = isMeantAsNode && terminal.exitCode === undefined;
  const end = async () => {
    const code = isNode ? await taken.exit : Number(terminal.exitCode ?? 0);
    if (isMeantAsNode) taken.release();
    // A node's log collects its lines and writes them some milliseconds later.
    if (isNode) await delay(50);
    return { code, ...output() };
  };
  return { output, isNode, kill: (signal) => void taken.run(() => process.emit(signal)), end: end() };
}

/** Runs a command that must end. If the command runs a node instead, ends the node and rejects. */
export async function runCommand(args: readonly string[], options?: CommandOptions): Promise<CommandEnd> {
  const { isNode, kill, end } = await startCommand(args, options);
  if (!isNode) return end;
  kill('SIGTERM');
  throw new Error(`"cistern ${args.join(' ')}" did not end: ${(await end).stderr}`);
}
