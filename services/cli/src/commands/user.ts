// `cistern user` changes an htpasswd file of operators (admin.htpasswd) or clients (auth.htpasswd). A running cache
// detects a change of the file with the next request.
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { listHtpasswdUsers, removeHtpasswdUser, setHtpasswdUser } from '@cistern/auth';
import { type FileAccess, replaceFile } from '@cistern/runtime';
import type { Command } from 'commander';
import { CommandError, explain } from '../terminal/command-error.ts';
import { withFile } from '../terminal/file-failure.ts';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import { readPassword } from '../terminal/prompt.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addUser(program: Command, terminal: Terminal): void {
  const user = program
    .command('user')
    .description('Manage users with passwords: operators (admin.htpasswd) or clients (auth.htpasswd)');
  const file = ['<file>', 'htpasswd file, with bcrypt hashes'] as const;
  addJson(user.command('add'))
    .argument(...file)
    .argument('<name>', 'name of the user')
    .description(
      'Add a user or change a password. The password is read from a prompt, or from the first line of standard input',
    )
    .action((path: string, name: string, options: JsonOptions) => add(path, name, options, terminal));
  addJson(user.command('remove'))
    .argument(...file)
    .argument('<name>', 'name of the user')
    .description(
      'Remove a user. The password is rejected from the next request on; access tokens stay valid until they expire',
    )
    .action((path: string, name: string, options: JsonOptions) => remove(path, name, options, terminal));
  addJson(user.command('list'))
    .argument(...file)
    .description('List the users of a file')
    .action((path: string, options: JsonOptions) => list(path, options, terminal));
}

async function add(path: string, name: string, options: JsonOptions, terminal: Terminal): Promise<void> {
  // The file is read after the prompt, because another operator may change it meanwhile.
  await readUsers(path, { mayBeMissing: true });
  const password = await readPassword(terminal, { isNew: true });
  const users = await readUsers(path, { mayBeMissing: true });
  await write(path, await explain(() => setHtpasswdUser(users, { user: name, password }), path));
  report(options, terminal, { file: path, user: name, result: 'set' });
  terminal.stderr.write(`${name} can log in with this password if the configuration names ${path}.\n`);
}

async function remove(path: string, name: string, options: JsonOptions, terminal: Terminal): Promise<void> {
  const users = await readUsers(path);
  const left = await explain(() => removeHtpasswdUser(users, name), path);
  if (left === undefined) throw new CommandError(`${path} has no user ${JSON.stringify(name)}.`);
  await write(path, left);
  report(options, terminal, { file: path, user: name, result: 'removed' });
  terminal.stderr.write(`${name} is removed.\n`);
}

async function list(path: string, options: JsonOptions, terminal: Terminal): Promise<void> {
  const users = await readUsers(path);
  const names = await explain(() => listHtpasswdUsers(users), path);
  printAnswer(terminal, options, { users: names }, () => names.map((name) => `${name}\n`).join(''));
}

/** Prints the result of a change for programs. The text for people is on standard error. */
function report(options: JsonOptions, terminal: Terminal, result: object): void {
  printAnswer(terminal, options, result, () => '');
}

async function readUsers(path: string, { mayBeMissing = false } = {}): Promise<string> {
  return withFile(path, 'read', () =>
    readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && mayBeMissing) return '';
      throw error;
    }),
  );
}

function write(path: string, users: string): Promise<void> {
  return withFile(path, 'written', async () => replaceFile(path, users, await accessOfNewFile(dirname(path))));
}

/**
 * A new file that root creates gets the owner and the group of its directory, and that group may read it. So a cache
 * that runs as another user can read it. A new file of another user is private.
 */
async function accessOfNewFile(directory: string): Promise<FileAccess | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = await stat(directory);
  return { uid, gid, mode: 0o640 };
}
