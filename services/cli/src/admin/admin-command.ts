// The common parts of commands that use the admin API of a running cache: options, exit codes, and output as a table or
// as JSON.
import type { Command } from 'commander';
import type { Terminal } from '../terminal/terminal.ts';
import { type AdminOptions, createAdminClient } from './admin-client.ts';

export interface ReportOptions extends AdminOptions {
  readonly json?: true;
}

export const reportExitCodes = `
Exit codes: 0 success; 1 the request to the cache failed, with the reason on standard error.`;

export function addAdminCommand(program: Command, name: string): Command {
  return program
    .command(name)
    .option('--config <file>', 'configuration file of the cache; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--data <directory>', 'data directory of a single node, instead of storage.filesystem.rootdirectory')
    .option('--url <url>', "URL of a cluster's admin node; default: admin.addr on this machine");
}

/** Adds a command that prints a table or, with `--json`, the response of the admin API. The caller adds the action. */
export function addReportCommand(program: Command, name: string): Command {
  return addAdminCommand(program, name).option('--json', "print the admin API's JSON instead of a table");
}

export interface Report<Answer> {
  readonly name: string;
  readonly description: string;
  /** The route of the admin API. */
  readonly path: string;
  /** Returns the response as lines. The last line ends with a line break too. */
  describe(answer: Answer): string;
}

/** Adds a command that requests `path` from the admin API and prints the response. */
export function addReport<Answer>(program: Command, terminal: Terminal, report: Report<Answer>): void {
  const { name, description, path, describe } = report;
  addReportCommand(program, name)
    .description(description)
    .addHelpText('after', reportExitCodes)
    .action(async (options: ReportOptions) =>
      printAnswer(terminal, options, await createAdminClient(options, terminal).fetch<Answer>(path), describe),
    );
}

/** Prints a response as one line of JSON, or as the text that `describe` returns. */
export function printAnswer<Answer>(
  { stdout }: Terminal,
  { json }: ReportOptions,
  answer: Answer,
  describe: (answer: Answer) => string,
): void {
  stdout.write(json === true ? `${JSON.stringify(answer)}\n` : describe(answer));
}
