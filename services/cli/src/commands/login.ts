// `cistern login` checks the password of an operator at an admin server and keeps it for later commands. `cistern logout`
// forgets it.
import { rm } from 'node:fs/promises';
import type { Command } from 'commander';
import { refusalOf, send } from '../admin/admin-client.ts';
import { type AdminTarget, basicAuthorization, isEncrypted, parseOrigin } from '../admin/admin-target.ts';
import { type Login, loginsPath, readLogins, writeLogins } from '../admin/logins.ts';
import { readAuthority } from '../http/trusted-authorities.ts';
import { CommandError } from '../terminal/command-error.ts';
import { addJson, type JsonOptions, printAnswer } from '../terminal/print-answer.ts';
import { readLine, readPassword } from '../terminal/prompt.ts';
import type { Terminal } from '../terminal/terminal.ts';

interface LoginOptions extends JsonOptions {
  readonly username?: string;
  readonly passwordStdin?: true;
  readonly ca?: string;
  readonly insecure?: true;
}

export function addLogin(program: Command, terminal: Terminal): void {
  addJson(program.command('login'))
    .argument('[url]', 'URL of an admin server (admin.addr), or of a proxy in front of it; default: $CISTERN_URL')
    .option('--username <name>', 'an operator of admin.htpasswd; default: a prompt')
    .option('--password-stdin', 'read the password from standard input')
    .option('--ca <file>', 'PEM file of a CA to trust, in addition to those of this machine')
    .option('--insecure', 'allow http:// to another machine, which sends the password unencrypted')
    .description(
      'Log in as an operator of a cache on another machine. Later commands use that cache, and its audit names you',
    )
    .action((url: string | undefined, options: LoginOptions) => logIn(url, options, terminal));
  addJson(program.command('logout'))
    .argument('[url]', 'URL of an admin server; default: $CISTERN_URL, else the last login')
    .description('Forget a login. Later commands use the cache on this machine')
    .action((url: string | undefined, options: JsonOptions) => logOut(url, options, terminal));
}

async function logIn(url: string | undefined, options: LoginOptions, terminal: Terminal): Promise<void> {
  const { env, stderr } = terminal;
  const text = url ?? env['CISTERN_URL'];
  if (text === undefined || text === '')
    throw new CommandError('Name the admin server, for example "cistern login https://cache.example:5003".');
  const origin = parseOrigin(text);
  checkEncryption(origin, options);
  const { servers } = readLogins(env);
  const ca = options.ca === undefined ? undefined : readAuthority(options.ca);
  const target: AdminTarget = {
    name: `The admin server at ${origin}`,
    address: { origin },
    authorization: undefined,
    ca,
    remedy: 'Check the user name, the password and admin.htpasswd.path of the server.',
  };
  await requirePasswords(target);
  const login: Login = { ...(await readAccount(options, terminal)), ...(ca !== undefined && { ca }) };
  const answer = await send({ ...target, authorization: basicAuthorization(login) }, checkedPath);
  if (answer.statusCode !== 200) throw new CommandError(await refusalOf(target, answer));
  answer.destroy();
  await writeLogins(env, { current: origin, servers: { ...servers, [origin]: login } });
  const path = loginsPath(env);
  printAnswer(
    terminal,
    options,
    { url: origin, user: login.user, file: path },
    () => `Logged in at ${origin} as ${login.user}. Commands that name no other cache use it now.\n`,
  );
  stderr.write(`The password is kept unencrypted in ${path}. "cistern logout" removes it.\n`);
  for (const name of ['CISTERN_URL', 'REGISTRY_CONFIGURATION_PATH'] as const) {
    const other = env[name];
    if (other !== undefined && other !== '' && (name !== 'CISTERN_URL' || URL.parse(other)?.origin !== origin))
      stderr.write(`note: ${name} is set and has precedence: ${other}\n`);
  }
}

/** A route that needs a login and works without index and store. */
const checkedPath = '/v1/openapi.json';

function checkEncryption(origin: string, { insecure }: LoginOptions): void {
  if (isEncrypted(origin) || insecure === true) return;
  throw new CommandError(
    `${origin} is not encrypted, so others could read the password on its way. Use https://, for example of a proxy in front of admin.addr. On a trusted network, pass --insecure.`,
  );
}

/** Rejects with `CommandError` if the server does not check passwords, before it gets one. */
async function requirePasswords(target: AdminTarget): Promise<void> {
  const answer = await send(target, checkedPath);
  if (answer.statusCode === 200) {
    answer.destroy();
    throw new CommandError(
      `${target.name} checks no passwords, because it has no operators. Set admin.htpasswd.path in its configuration. To read from it, pass --url.`,
    );
  }
  const refusal = await refusalOf(target, answer);
  const isAdmin = /^basic/i.test(answer.headers['www-authenticate'] ?? '');
  if (answer.statusCode !== 401 || !isAdmin) throw new CommandError(refusal);
}

async function readAccount({ username, passwordStdin }: LoginOptions, terminal: Terminal): Promise<Login> {
  const isTerminal = terminal.stdin.isTTY === true;
  if (!isTerminal && (username === undefined || passwordStdin !== true))
    throw new CommandError('Standard input is not a terminal. Pass --username and --password-stdin.');
  if (passwordStdin === true && username === undefined)
    throw new CommandError('--password-stdin needs --username, because standard input has only the password.');
  const user = username ?? (await readLine(terminal, 'User name: '));
  if (user === '' || user.includes(':'))
    throw new CommandError(`${JSON.stringify(user)} is not a user name. It must have a character, and no colon.`);
  const password = await readPassword(terminal, { isNew: false });
  if (password === '') throw new CommandError('The password is empty. Nothing was changed.');
  return { user, password };
}

async function logOut(url: string | undefined, options: JsonOptions, terminal: Terminal): Promise<void> {
  const { env } = terminal;
  const { current, servers } = readLogins(env);
  const text = url ?? (env['CISTERN_URL'] || undefined);
  const origin = text === undefined ? current : parseOrigin(text);
  if (origin === undefined || servers[origin] === undefined) {
    const where = origin === undefined ? '' : ` at ${origin}`;
    printAnswer(terminal, options, { url: origin ?? null, loggedOut: false }, () => `There is no login${where}.\n`);
    return;
  }
  const { [origin]: _removed, ...others } = servers;
  if (Object.keys(others).length === 0) await rm(loginsPath(env), { force: true });
  else await writeLogins(env, { servers: others, ...(current !== origin && { current }) });
  printAnswer(terminal, options, { url: origin, loggedOut: true }, () => `The login at ${origin} is removed.\n`);
}
