// The frame of the commands that use the admin API of a running cache: their options, and an answer as a table or as JSON.
import type { Command } from 'commander';
import type { Terminal } from '../terminal/terminal.ts';
import { type AdminOptions, createAdminClient } from './admin-client.ts';

export interface ReportOptions extends AdminOptions {
  readonly json?: true;
}

export const reportExitCodes = `
Exit codes: 0 it was told; 1 the cache could not be asked, and why.`;

export function addAdminCommand(program: Command, name: string): Command {
  return program
    .command(name)
    .option('--config <file>', 'the configuration of the cache; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--data <directory>', 'where the data of a single cache is, instead of storage.filesystem.rootdirectory')
    .option('--url <url>', "of a cluster's admin node; default: at admin.addr on this machine");
}

/** A command whose answer is a table, or with `--json` the admin API's own. */
export function addReportCommand(program: Command, name: string): Command {
  return addAdminCommand(program, name).option('--json', "print the admin API's answer instead of a table");
}

export interface Report<Answer> {
  readonly name: string;
  readonly description: string;
  /** The route of the admin API. */
  readonly path: string;
  /** Returns lines, the last one ended. */
  describe(answer: Answer): string;
}

/** A command that prints one answer of the admin API. */
export function addReport<Answer>(program: Command, terminal: Terminal, report: Report<Answer>): void {
  const { name, description, path, describe } = report;
  addReportCommand(program, name)
    .description(description)
    .addHelpText('after', reportExitCodes)
    .action(async (options: ReportOptions) =>
      printAnswer(terminal, options, await createAdminClient(options, terminal).fetch<Answer>(path), describe),
    );
}

/** `describe` returns lines, the last one ended. */
export function printAnswer<Answer>(
  { stdout }: Terminal,
  { json }: ReportOptions,
  answer: Answer,
  describe: (answer: Answer) => string,
): void {
  stdout.write(json === true ? `${JSON.stringify(answer)}\n` : describe(answer));
}
