// `cistern check-config` prints a summary of a configuration, or all of its mistakes.
import type { Command } from 'commander';
import { addJson } from '../terminal/print-answer.ts';
import { describeConfig } from '../node/describe-config.ts';
import { readConfig } from '../node/read-config.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addCheckConfig(program: Command, { env, stdout, stderr }: Terminal): void {
  addJson(program.command('check-config'))
    .argument('[file]', 'configuration file; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .description('Check a configuration, including REGISTRY_… variables, and print a summary')
    .action((file: string | undefined) => {
      const config = readConfig(file, env);
      stdout.write(`ok\n${describeConfig(config)}`);
      for (const { path, message } of config.warnings) stderr.write(`warning: ${path}: ${message}\n`);
    });
}
