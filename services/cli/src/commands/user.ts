// `cistern user`: the users of an htpasswd file, of operators (admin.htpasswd) or of clients (auth.htpasswd). A running cache
// looks at the file with every request.
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { listHtpasswdUsers, removeHtpasswdUser, setHtpasswdUser } from '@cistern/auth';
import { replaceFile } from '@cistern/runtime';
import type { Command } from 'commander';
import { CommandError, explain } from '../terminal/command-error.ts';
import type { Terminal } from '../terminal/terminal.ts';

export function addUser(program: Command, terminal: Terminal): void {
  const user = program
    .command('user')
    .description('Users with passwords: operators (admin.htpasswd) or clients (auth.htpasswd)');
  const file = ['<file>', 'the file of users, hashed by bcrypt'] as const;
  user
    .command('add')
    .argument(...file)
    .argument('<name>', 'the user')
    .description('Add a user, or give one another password: from a prompt, else the first line of standard input')
    .action((path: string, name: string) => add(path, name, terminal));
  user
    .command('remove')
    .argument(...file)
    .argument('<name>', 'the user')
    .description('Remove a user, who is refused from the next request on')
    .action((path: string, name: string) => remove(path, name, terminal));
  user
    .command('list')
    .argument(...file)
    .description('Show who can come in')
    .action((path: string) => list(path, terminal));
}

async function add(path: string, name: string, terminal: Terminal): Promise<void> {
  const users = await readUsers(path, { mayBeMissing: true });
  const password = await readPassword(terminal);
  await replaceFile(path, await explain(() => setHtpasswdUser(users, { user: name, password }), path));
  terminal.stderr.write(`${name} can come in with this password, where the configuration names ${path}.\n`);
}

async function remove(path: string, name: string, { stderr }: Terminal): Promise<void> {
  const users = await readUsers(path);
  const left = await explain(() => removeHtpasswdUser(users, name), path);
  if (left === undefined) throw new CommandError(`${path} has no user ${JSON.stringify(name)}.`);
  await replaceFile(path, left);
  stderr.write(`${name} is removed.\n`);
}

async function list(path: string, { stdout }: Terminal): Promise<void> {
  const users = await readUsers(path);
  for (const name of await explain(() => listHtpasswdUsers(users), path)) stdout.write(`${name}\n`);
}

async function readUsers(path: string, { mayBeMissing = false } = {}): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && mayBeMissing) return '';
    throw new CommandError(`The file ${path} ${code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`}.`);
  }
}

/**
 * A password that does not show: entered twice on a terminal, else the first line of standard input. Throws `CommandError` if
 * the two differ.
 */
async function readPassword({ stdin, stderr }: Pick<Terminal, 'stdin' | 'stderr'>): Promise<string> {
  if (stdin.isTTY !== true) return (await text(stdin)).split(/\r?\n/, 1)[0] ?? '';
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silence, terminal: true });
  const ask = async (question: string) => {
    stderr.write(question);
    const answer = await lines.question('');
    stderr.write('\n');
    return answer;
  };
  const gone = Promise.withResolvers<never>();
  lines.once('SIGINT', () => gone.reject(new CommandError('Nothing was changed.')));
  try {
    const password = await Promise.race([ask('Password: '), gone.promise]);
    if (password !== (await Promise.race([ask('Once more: '), gone.promise])))
      throw new CommandError('The two passwords differ: nothing was changed.');
    return password;
  } finally {
    lines.close();
  }
}
