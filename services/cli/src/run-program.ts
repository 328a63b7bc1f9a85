// The command line from its arguments to its exit code.
import { CommanderError } from 'commander';
import { buildProgram } from './build-program.ts';
import { translateRegistryCommand } from './registry-command.ts';
import type { Terminal } from './terminal/terminal.ts';

/**
 * Resolves when a command has ended, or when a node listens. Sets the terminal's exit code and never ends the process
 * itself, so that output into a pipe is not cut off.
 */
export async function runProgram(given: readonly string[], terminal: Terminal): Promise<void> {
  const args = translateRegistryCommand(given);
  const program = await buildProgram(terminal, args);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Help, the version or a mistake in the arguments: Commander has printed it.
    if (!(error instanceof CommanderError)) throw error;
    terminal.exitCode = error.exitCode;
  }
}
