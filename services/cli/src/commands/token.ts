// `cistern token` creates, lists and revokes tokens for machines that pull. The cache can keep running meanwhile.
import { withRobotTokens } from '@cistern/assembly';
import type { RobotRecord } from '@cistern/auth';
import type { Config } from '@cistern/config';
import type { Command } from 'commander';
import { CommandError } from '../terminal/command-error.ts';
import { addAuditEntry } from '../node/open-audit-log.ts';
import { type DataOptions, readConfig } from '../node/read-config.ts';
import { commandLog } from '../node/run-on-data.ts';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface TokenOptions extends DataOptions, JsonOptions {}

interface CreateOptions extends TokenOptions {
  readonly expires: string;
  readonly pull?: readonly string[];
}

export function addToken(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('Manage tokens with which machines authenticate (auth.robots)');
  const add = (name: string, description: string) =>
    addJson(token.command(name))
      .description(description)
      .option('--config <file>', 'configuration file of the cache; default: $REGISTRY_CONFIGURATION_PATH, else none')
      .option('--data <directory>', 'data directory, instead of storage.filesystem.rootdirectory');
  add('create', 'Create a token and show it once')
    .argument('<name>', 'name of the token, for example ci-main')
    .option('--expires <time>', 'time until the token expires: 90d, 12h or never', '90d')
    .option(
      '--pull <pattern...>',
      'repositories that the token may pull, as upstream/repository: "docker.io/library/*", "ghcr.io/**"; default: all',
    )
    .action((name: string, options: CreateOptions) => create(name, options, terminal));
  add('list', 'List all tokens').action((options: TokenOptions) => list(options, terminal));
  add('revoke', 'Revoke a token. It is rejected within seconds')
    .argument('<name>', 'name or id of the token')
    .action((name: string, options: TokenOptions) => revoke(name, options, terminal));
}

async function create(name: string, { expires, pull, ...options }: CreateOptions, terminal: Terminal): Promise<void> {
  if (!/^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/i.test(name))
    throw new CommandError(
      `${JSON.stringify(name)} is not a valid token name. Use up to 64 letters, digits, ".", "-" and "_".`,
    );
  for (const pattern of pull ?? []) checkPattern(pattern);
  const lifetimeMs = parseLifetime(expires);
  const config = readConfigOf(options, terminal);
  const createdAtMs = Date.now();
  const robot = {
    name,
    createdAtMs,
    ...(pull !== undefined && { grants: pull }),
    ...(lifetimeMs !== Infinity && { expiresAtMs: createdAtMs + lifetimeMs }),
  };
  const log = commandLog(config, 'warn', terminal);
  const { token, record } = await withRobotTokens(config, log, (tokens) => tokens.create(robot));
  await addAuditEntry(config, { command: 'cistern token create', parameters: robot, log });
  if (!config.auth.robots)
    terminal.stderr.write('warning: the token is rejected until auth.robots is true in the configuration\n');
  terminal.stderr.write(`The token of ${name}, valid ${describeEnd(robot.expiresAtMs)}. It is shown only once:\n`);
  printAnswer(terminal, options, { token, ...describeRecord(record) }, () => `${token}\n`);
}

async function list(options: TokenOptions, terminal: Terminal): Promise<void> {
  const config = readConfigOf(options, terminal);
  const records = await withRobotTokens(config, commandLog(config, 'warn', terminal), (tokens) => tokens.list());
  printAnswer(terminal, options, { tokens: records.map(describeRecord) }, () => records.map(lineOf).join(''));
}

function lineOf({ id, name, grants, expiresAtMs = Infinity }: RobotRecord): string {
  const end = expiresAtMs <= Date.now() ? 'expired' : describeEnd(expiresAtMs);
  return `${name}  ${id}  ${end}  ${grants === undefined ? 'everything' : grants.join(' ')}\n`;
}

/** Returns a record without its hash, for `--json`. Times are milliseconds since 1970. */
function describeRecord({ id, name, grants, createdAtMs, expiresAtMs }: RobotRecord) {
  return { id, name, pull: grants ?? null, createdAt: createdAtMs, expiresAt: expiresAtMs ?? null };
}

async function revoke(name: string, options: TokenOptions, terminal: Terminal): Promise<void> {
  const config = readConfigOf(options, terminal);
  const log = commandLog(config, 'warn', terminal);
  const revoked = await withRobotTokens(config, log, (tokens) => tokens.revoke(name));
  if (revoked === undefined) throw new CommandError(`There is no token with the name or id ${JSON.stringify(name)}.`);
  await addAuditEntry(config, { command: 'cistern token revoke', parameters: { name: revoked.name }, log });
  printAnswer(
    terminal,
    options,
    { revoked: describeRecord(revoked) },
    () => `The token of ${revoked.name} is revoked. It is rejected within seconds.\n`,
  );
}

/** Throws `CommandError` if the store is in memory, because tokens would be lost when this command ends. */
function readConfigOf(options: DataOptions, terminal: Terminal): Config {
  const config = readConfig(options.config, terminal.env, options);
  if (config.storage.kind === 'memory')
    throw new CommandError(
      'Tokens are kept in the store, and the store of this configuration is in memory. Configure storage.filesystem or storage.s3.',
    );
  return config;
}

const unitMs = { m: 60_000, h: 3_600_000, d: 24 * 3_600_000 } as const;
const maxDays = 3650;

/** Returns `90d`, `12h` or `30m` in milliseconds, and `Infinity` for `never`. Throws `CommandError` for other texts. */
export function parseLifetime(text: string): number {
  if (text === 'never') return Infinity;
  const [, amount, unit] = /^(\d{1,7})([mhd])$/.exec(text) ?? [];
  const lifetimeMs = Number(amount) * (unitMs[unit as keyof typeof unitMs] ?? Number.NaN);
  if (lifetimeMs > 0 && lifetimeMs <= maxDays * unitMs.d) return lifetimeMs;
  throw new CommandError(
    `${JSON.stringify(text)} is not a valid lifetime. Write 90d, 12h, 30m or never, and at most ${maxDays} days.`,
  );
}

function checkPattern(pattern: string): void {
  if (!/^[\w.:*?{},[\]-]+(?:\/[\w.:*?{},[\]-]+)*$/.test(pattern))
    throw new CommandError(
      `${JSON.stringify(pattern)} is not a pattern of upstream and repository. Write one like "docker.io/library/*" or "ghcr.io/**".`,
    );
}

function describeEnd(atMs: number | undefined): string {
  return atMs === undefined || atMs === Infinity ? 'forever' : `until ${new Date(atMs).toISOString()}`;
}
