// `cistern secrets` creates the secrets of a cluster in files, one for each secret. docker-compose.yml runs it before all
// other services. The owners of the files decide which service can read which secret.
import { randomBytes } from 'node:crypto';
import { chmod, chown, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setHtpasswdUser } from '@cistern/auth';
import { type FileAccess, ignoreMissing, replaceFile } from '@cistern/runtime';
import type { Command } from 'commander';
import { CommandError, explain } from '../terminal/command-error.ts';
import { withFile } from '../terminal/file-failure.ts';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface SecretFile extends FileAccess {
  readonly name: string;
}

interface SecretsOptions extends JsonOptions {
  readonly operators: SecretFile;
  readonly password: SecretFile;
  readonly login?: readonly string[];
}

const operator = 'admin';

export function addSecrets(program: Command, terminal: Terminal): void {
  addJson(program.command('secrets'))
    .description(
      `Create the missing secrets of a cluster, and the operator ${operator} of the console. Existing secrets stay as they are`,
    )
    .argument('<directory>', 'directory of the files')
    .argument(
      '<secret...>',
      'name:uid or name:uid:gid: the name of a file, and the only user and group that can read it',
      (text, earlier: readonly SecretFile[] | undefined) => [...(earlier ?? []), parseSecretFile(text)],
    )
    .requiredOption('--password <secret>', `file with the password of ${operator}`, parseSecretFile)
    .requiredOption('--operators <secret>', `htpasswd file with ${operator} (admin.htpasswd)`, parseSecretFile)
    .option(
      '--login <text>',
      'where to log in, printed with a new password; repeatable',
      (text, earlier: readonly string[] | undefined) => [...(earlier ?? []), text],
    )
    .action((directory: string, secrets: readonly SecretFile[], options: SecretsOptions) =>
      createSecrets(directory, secrets, options, terminal),
    );
}

/** Parses `name:uid` or `name:uid:gid`. Throws `CommandError`. */
function parseSecretFile(text: string): SecretFile {
  const [, name, uid, gid] = /^([a-z0-9][a-z0-9._-]*):(\d{1,9})(?::(\d{1,9}))?$/i.exec(text) ?? [];
  if (name === undefined)
    throw new CommandError(`${JSON.stringify(text)} is not a secret. Write name:uid or name:uid:gid with numbers.`);
  return { name, uid: Number(uid), gid: Number(gid ?? 0), mode: gid === undefined ? 0o400 : 0o440 };
}

async function createSecrets(
  directory: string,
  secrets: readonly SecretFile[],
  { operators, password, login = [], json }: SecretsOptions,
  terminal: Terminal,
): Promise<void> {
  const created: string[] = [];
  const ensure = async (file: SecretFile, create: () => string | Promise<string>) => {
    const isNew = await ensureFile(join(directory, file.name), file, create);
    if (isNew) created.push(file.name);
    return isNew;
  };
  for (const file of secrets) await ensure(file, () => randomBytes(32).toString('hex'));
  const isNewPassword = await ensure(password, createPassword);
  const passwordPath = join(directory, password.name);
  const text = (await withFile(passwordPath, 'read', () => readFile(passwordPath, 'utf8'))).trim();
  const isNewOperator = await ensure(operators, () =>
    explain(() => setHtpasswdUser('', { user: operator, password: text }), passwordPath),
  );
  const answer = { directory, created, operator: isNewOperator ? { user: operator, password: text } : null };
  printAnswer(terminal, { json }, answer, () => {
    if (isNewOperator) return describeLogin(text, login);
    return isNewPassword ? describeOldOperator(password.name, operators.name) : 'All secrets exist.\n';
  });
}

function describeOldOperator(password: string, operators: string): string {
  return `${password} is new, but ${operators} exists and keeps the older password of ${operator}. \
Remove ${operators} and start again, or set a password with "cistern user add".\n`;
}

/**
 * Creates the file if it is missing. Otherwise only sets its owner and mode, because files of an earlier installation may
 * have been copied here. Returns true if it created the file.
 */
async function ensureFile(path: string, access: FileAccess, create: () => string | Promise<string>): Promise<boolean> {
  const current = await withFile(path, 'read', () => stat(path).catch(ignoreMissing));
  if (current === undefined) {
    const text = await create();
    await withFile(path, 'written', () => replaceFile(path, text, access));
    return true;
  }
  const { uid, gid, mode } = access;
  await withFile(path, 'written', async () => {
    if ((current.mode & 0o777) !== mode) await chmod(path, mode);
    if (current.uid !== uid || current.gid !== gid) await chown(path, uid, gid);
  });
  return false;
}

/** 32 characters that are not mistaken for each other. */
const alphabet = 'abcdefghijkmnpqrstuvwxyz23456789';

/** Returns a random password of 100 bits, which is easy to type and to select. */
function createPassword(): string {
  return Array.from(randomBytes(20), (byte) => alphabet[byte % alphabet.length]).join('');
}

function describeLogin(password: string, login: readonly string[]): string {
  const rows = [['user', operator], ['password', password], ...login.map((text) => ['open', text])];
  const frame = '='.repeat(64);
  const lines = rows.map(([label = '', text = '']) => `  ${label.padEnd(10)}${text}`);
  return `\n${[frame, ...lines, frame].join('\n')}\nThis password is printed only now.\n\n`;
}
