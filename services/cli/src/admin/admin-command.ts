// The common parts of commands that use the admin API of a running cache: options, exit codes and output.
import type { Command } from 'commander';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { type AdminOptions, createAdminClient } from './admin-client.ts';

export interface ReportOptions extends AdminOptions, JsonOptions {}

export const reportExitCodes = `
Exit codes: 0 success; 1 the request to the cache failed, with the reason on standard error.`;

/** Adds a command of the admin API. The caller adds the description and the action. */
export function addAdminCommand(program: Command, name: string): Command {
  const command = program
    .command(name)
    .option('--url <url>', 'URL of an admin server; default: $CISTERN_URL, then the login, then this machine')
    .option('--ca <file>', 'PEM file of a CA to trust for --url, in addition to those of this machine')
    .option('--config <file>', 'configuration file of a cache on this machine; default: $REGISTRY_CONFIGURATION_PATH')
    .option('--data <directory>', 'data directory of a single node on this machine');
  return addJson(command);
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
  addAdminCommand(program, name)
    .description(description)
    .addHelpText('after', reportExitCodes)
    .action(async (options: ReportOptions) =>
      printAnswer(terminal, options, await createAdminClient(options, terminal).fetch<Answer>(path), describe),
    );
}
