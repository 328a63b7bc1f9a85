// The command line from its arguments to its exit code. A node runs for as long as it can and needs none of the other commands, so
// these are loaded when no node is started.
import { ConfigError } from '@cistern/config';
import { CacheError } from '@cistern/errors';
import { StartError } from '@cistern/runtime';
import { CertificateError } from '@cistern/tls';
import { Command, CommanderError } from 'commander';
import { addNodes } from './commands/nodes.ts';
import { version } from './node/version.ts';
import { CommandError } from './terminal/command-error.ts';
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
    if (error instanceof CommanderError) terminal.exitCode = error.exitCode;
    else fail(terminal, error);
  }
}

/**
 * Arguments for registry:2's image work here, so that only the name of the image has to change: `registry serve <file>` and
 * a file alone mean `serve <file>`. Returns other arguments as they are.
 */
export function translateRegistryCommand(args: readonly string[]): readonly string[] {
  const [first = '', ...rest] = args;
  if (first === 'registry' || first === '/bin/registry') return rest;
  return /\.ya?ml$/.test(first) ? ['serve', ...args] : args;
}

/**
 * The program that `args`, those behind its name, begin: its commands are those that may be meant there. Parsing throws a
 * `CommanderError` where Commander would end the process.
 */
async function buildProgram(terminal: Terminal, args: readonly string[]): Promise<Command> {
  const program = new Command('cistern')
    .description('A pull-through cache for container images: pulled once from upstream, then served from here.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError('(see cistern --help)');
  addNodes(program, terminal);
  const [first = ''] = args;
  if (program.commands.some((command) => command.name() === first)) return program;
  const { addOtherCommands } = await import('./other-commands.ts');
  addOtherCommands(program, terminal);
  return program;
}

/** A command that cannot do its work ends with sentences for the user, and with a stack only for a mistake of our own. */
function fail(terminal: Terminal, error: unknown): void {
  const isExplained = [ConfigError, CacheError, CertificateError, StartError, CommandError].some(
    (kind) => error instanceof kind,
  );
  const text = error instanceof Error ? (isExplained ? error.message : error.stack) : String(error);
  terminal.stderr.write(`cistern: ${text}\n`);
  terminal.exitCode = 1;
}
