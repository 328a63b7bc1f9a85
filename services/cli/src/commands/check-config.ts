// `cistern check-config` prints a summary of a configuration, or all of its mistakes. With `--deep`, it also tries
// everything that the configuration names.
import { type Config, ConfigError } from '@cistern/config';
import type { Command } from 'commander';
import { type Finding, lineOf } from '../deep-check/finding.ts';
import { configRows, describeConfig } from '../node/describe-config.ts';
import { readConfig, readConfigAgain } from '../node/read-config.ts';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface CheckOptions extends JsonOptions {
  readonly deep?: true;
}

const exitCodes = `
Exit codes: 0 no mistake; 1 a mistake, or with --deep a failed check. Warnings do not count.`;

export function addCheckConfig(program: Command, terminal: Terminal): void {
  addJson(program.command('check-config'))
    .argument('[file]', 'configuration file; default: $REGISTRY_CONFIGURATION_PATH, else none')
    .option(
      '--deep',
      'also try its files, directories, listeners, Redis, bucket, upstreams and issuers; run it as the user of the node',
    )
    .description('Check a configuration, including REGISTRY_… variables, and print a summary')
    .addHelpText('after', exitCodes)
    .action((file: string | undefined, options: CheckOptions) => checkConfig(file, options, terminal));
}

async function checkConfig(file: string | undefined, options: CheckOptions, terminal: Terminal): Promise<void> {
  try {
    if (options.deep === true) await tryAll(readConfigAgain(file, terminal.env), options, terminal);
    else printSummary(readConfig(file, terminal.env), options, terminal);
  } catch (error) {
    if (!(error instanceof ConfigError) || options.json !== true) throw error;
    const problems = error.problems.map(({ path, message }) => ({ setting: path, message }));
    printAnswer(terminal, options, { ok: false, problems }, () => '');
    terminal.exitCode = 1;
  }
}

function printSummary(config: Config, options: JsonOptions, terminal: Terminal): void {
  const warnings = config.warnings.map(({ path, message }) => ({ setting: path, message }));
  const summary = configRows(config).map(([name, value]) => ({ name, value }));
  printAnswer(terminal, options, { ok: true, warnings, summary }, () => `ok\n${describeConfig(config)}`);
  for (const { setting, message } of warnings) terminal.stderr.write(`warning: ${setting}: ${message}\n`);
}

/** Wide enough for most settings. */
const settingWidth = 32;

async function tryAll(config: Config, options: CheckOptions, terminal: Terminal): Promise<void> {
  const { runDeepChecks } = await import('../deep-check/run-deep-checks.ts');
  const checks: Finding[] = [];
  await runDeepChecks(config, terminal.env, (finding) => {
    checks.push(finding);
    if (options.json !== true) terminal.stdout.write(lineOf(finding, settingWidth));
  });
  const isOk = checks.every(({ result }) => result !== 'fail');
  printAnswer(terminal, options, { ok: isOk, checks }, () => '');
  if (!isOk) terminal.exitCode = 1;
}
