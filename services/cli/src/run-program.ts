// The command line, from its arguments to its exit code. A node runs for a long time and needs no other command, so the
// other commands are loaded only if no node is started.
import { ConfigError } from '@cistern/config';
import { CacheError } from '@cistern/errors';
import { OciSyntaxError } from '@cistern/oci';
import { StartError } from '@cistern/runtime';
import { CertificateError } from '@cistern/tls';
import { Command, CommanderError } from 'commander';
import { addNodes } from './commands/nodes.ts';
import { addExamples } from './help/examples.ts';
import { afterHelp } from './help/groups.ts';
import { version } from './node/version.ts';
import { CommandError } from './terminal/command-error.ts';
import type { Terminal } from './terminal/terminal.ts';
import { translateRegistryCommand } from './translate-command.ts';

/**
 * Runs a command. Resolves when the command has ended, or when the node that it runs listens. Sets the terminal's exit
 * code instead of exiting the process, so that output into a pipe is not cut off.
 */
export async function runProgram(given: readonly string[], terminal: Terminal): Promise<void> {
  const args = translateRegistryCommand(given);
  const program = await buildProgram(terminal, args);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    // Commander has already printed the help, the version or the mistake in the arguments.
    if (error instanceof CommanderError) terminal.exitCode = error.exitCode;
    else fail(terminal, error);
  }
}

/**
 * Builds the program with the commands that `args` can call. `args` does not contain the program's name. The program's
 * `parseAsync` rejects with a `CommanderError` where Commander would exit the process.
 */
async function buildProgram(terminal: Terminal, args: readonly string[]): Promise<Command> {
  const program = new Command('cistern')
    .description('A pull-through cache for container images: it pulls each image once and serves it from then on.')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError('(see cistern --help)')
    .configureHelp({ subcommandTerm: termOf })
    .optionsGroup('Options:')
    .addHelpText('after', afterHelp)
    .addHelpCommand(
      new Command('help')
        .argument('[command]')
        .description('Show the options and examples of a command')
        .helpGroup('Set up:'),
    );
  addNodes(program, terminal);
  const [first = ''] = args;
  if (program.commands.some((command) => command.name() === first)) {
    addExamples(program);
    return program;
  }
  const { addOtherCommands } = await import('./other-commands.ts');
  addOtherCommands(program, terminal);
  addExamples(program);
  return program;
}

/** The list of all commands has no room for their arguments. */
function termOf(command: Command): string {
  return command.parent?.parent === null ? command.name() : `${command.name()} ${command.usage()}`;
}

/** Prints why a command failed. An error that is not made for the user is a bug of Cistern, so its stack is printed. */
function fail(terminal: Terminal, error: unknown): void {
  const isExplained = [ConfigError, CacheError, CertificateError, OciSyntaxError, StartError, CommandError].some(
    (kind) => error instanceof kind,
  );
  const text = error instanceof Error ? (isExplained ? error.message : error.stack) : String(error);
  terminal.stderr.write(`cistern: ${text}\n`);
  terminal.exitCode = 1;
}
