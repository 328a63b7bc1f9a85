// What every command has in common that asks a running cache for something.
import type { Command } from 'commander';
import { adminTarget } from './admin-target.ts';
import { type AdminTarget, askLines } from '../terminal/ask-lines.ts';
import { CommandError } from '../terminal/command-error.ts';
import { type ConfigOptions, readConfig } from '../node/read-config.ts';
import type { Terminal } from '../terminal/terminal.ts';

export interface AdminOptions extends Pick<ConfigOptions, 'data'> {
  readonly config?: string;
  readonly url?: string;
  /** Of commands with `addJsonOption`. */
  readonly json?: true;
}

export function addAdminOptions(command: Command): Command {
  return command
    .option('--config <file>', 'the configuration of the cache; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option('--data <directory>', 'where the data of a single cache is, instead of storage.filesystem.rootdirectory')
    .option('--url <url>', "of a cluster's admin node; default: at admin.addr on this machine");
}

/** `options.json`: what the admin API answered is printed as it is. */
export function addJsonOption(command: Command): Command {
  return command.option('--json', "print the admin API's answer instead of a table");
}

/** Throws `CommandError` for a URL that is none, `ConfigError` with every problem of a configuration. */
export function adminOf({ config, data, url }: AdminOptions, { env }: Terminal): AdminTarget {
  return adminTarget(readConfig(config, env, { data }), url);
}

/** Each line of an answer as it comes. Throws `CommandError` where nobody answers, or refuses. */
export function linesOfAdmin<Line>(
  options: AdminOptions,
  terminal: Terminal,
  path: string,
  body?: object,
): AsyncGenerator<Line> {
  return askLines(adminOf(options, terminal), path, body);
}

/** Asks for one answer; `body`: what is posted. Rejects as `linesOfAdmin`. */
export function openAdmin(options: AdminOptions, terminal: Terminal) {
  return async <Answer>(path: string, body?: object): Promise<Answer> => {
    for await (const line of linesOfAdmin<Answer>(options, terminal, path, body)) return line;
    throw new CommandError('The answer was empty.');
  };
}
