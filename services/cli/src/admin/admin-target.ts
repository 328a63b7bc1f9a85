// Decides which admin server a command uses, and with which credentials. An option beats the environment, the
// environment beats the login, and the login beats the cache on this machine.
import { existsSync } from 'node:fs';
import { adminAuthorization, adminSocketPath } from '@cistern/operations/admin-access';
import { type Config, ConfigError } from '@cistern/config';
import { isLoopbackName } from '@cistern/runtime';
import { readAuthority } from '../http/trusted-authorities.ts';
import { type DataOptions, defaultRootDirectory, readConfig, readConfigAgain } from '../node/read-config.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { findLogins, type FoundLogins, type Login } from './logins.ts';

export interface AdminOptions extends DataOptions {
  readonly url?: string;
  /** The path of a PEM file with a CA certificate. */
  readonly ca?: string;
}

export interface AdminTarget {
  /** The name of the server in messages. */
  readonly name: string;
  /** A Unix socket, or the origin of a server. */
  readonly address: { readonly socketPath: string } | { readonly origin: string };
  /** The value of the header `Authorization`. `undefined` means a caller without a name. */
  readonly authorization: string | undefined;
  /** A CA certificate to trust, in PEM. */
  readonly ca?: string | undefined;
  /** The fix if the server rejects the credentials, or their absence. */
  readonly remedy: string;
}

/**
 * Throws `CommandError` for an invalid URL, and `ConfigError` with all problems of a configuration that is needed. With
 * a URL or a login, no configuration is needed.
 */
export function chooseTarget(options: AdminOptions, terminal: Pick<Terminal, 'env' | 'stderr'>): AdminTarget {
  const { env } = terminal;
  const isLocal = options.config !== undefined || options.data !== undefined;
  const url = options.url ?? (isLocal ? undefined : env['CISTERN_URL'] || undefined);
  if (url !== undefined) return remoteTarget(parseOrigin(url), options, env);
  const current = isLocal || env['REGISTRY_CONFIGURATION_PATH'] ? undefined : currentServer(terminal);
  if (current === undefined) return localTarget(readConfig(options.config, env, options), options);
  if (runsHere(env))
    terminal.stderr.write(
      `note: this is the cache at ${current}, where you are logged in. For the cache on this machine, pass --data ${defaultRootDirectory(env)}\n`,
    );
  return remoteTarget(current, options, env);
}

/** Returns the server of the last login. Unreadable logins are an error only if no cache runs on this machine. */
function currentServer({ env, stderr }: Pick<Terminal, 'env' | 'stderr'>): string | undefined {
  const { current, failure } = findLogins(env);
  if (failure === undefined) return current;
  if (!runsHere(env)) throw failure;
  stderr.write(`warning: ${failure.message} Using the cache on this machine.\n`);
  return undefined;
}

function runsHere(env: Terminal['env']): boolean {
  return existsSync(adminSocketPath(localDefaults(env)) ?? '');
}

function localDefaults(env: Terminal['env']): Pick<Config, 'redis' | 'storage'> {
  return { redis: undefined, storage: { kind: 'filesystem', rootDirectory: defaultRootDirectory(env) } };
}

/** Returns the origin of a URL, which may be that of the console. Throws `CommandError` for other URLs. */
export function parseOrigin(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '')
    throw new CommandError(
      `${JSON.stringify(withoutUser(text))} is not a valid URL. Write one like https://cache.example:5003.`,
    );
  if (url.username !== '' || url.password !== '')
    throw new CommandError(
      'A URL must not contain a password, because other users see it. Run "cistern login" instead.',
    );
  if (url.pathname !== '/' && !url.pathname.startsWith('/console'))
    throw new CommandError(`The admin API has no path, and the URL has ${url.pathname}. Write ${url.origin}.`);
  return url.origin;
}

function withoutUser(text: string): string {
  return text.replace(/\/\/[^/]*@/, '//');
}

/** Uses the login at the server. Without a login, or with `--config`, uses the secret of a configuration. */
function remoteTarget(origin: string, options: AdminOptions, env: Terminal['env']): AdminTarget {
  const { servers, failure }: FoundLogins = options.config === undefined ? findLogins(env) : { servers: {} };
  const login = servers[origin];
  const authorization = login === undefined ? clusterAuthorization(origin, options, env) : basicAuthorization(login);
  const ca = options.ca === undefined ? login?.ca : readAuthority(options.ca);
  const remedy =
    login === undefined
      ? (failure?.message ?? `Run "cistern login ${origin}".`)
      : `This was the password of ${login.user}. Run "cistern login ${origin}" again.`;
  return { name: `The admin server at ${origin}`, address: { origin }, authorization, ca, remedy };
}

/**
 * Returns the credentials of a configuration for `origin`. The configuration of the environment may be that of another
 * cache, or broken. So its secret is sent only to this machine and to its own `admin.addr`, and only with `--url`. The secret of
 * `--config` is sent elsewhere too, but only encrypted. Throws `CommandError` if the connection is not.
 */
function clusterAuthorization(origin: string, options: AdminOptions, env: Terminal['env']): string | undefined {
  const { config: file, url } = options;
  if (file === undefined && url === undefined) return undefined;
  let config: Config;
  try {
    config = readConfigAgain(file, env, options);
  } catch (error) {
    if (file === undefined && error instanceof ConfigError) return undefined;
    throw error;
  }
  const authorization = adminAuthorization(config);
  const isOwn = isLoopbackName(new URL(origin).hostname) || origin === originOf(config.admin);
  if (isOwn || authorization === undefined) return authorization;
  if (file === undefined) return undefined;
  if (isEncrypted(origin)) return authorization;
  throw new CommandError(
    `${origin} is not encrypted, so others could read the credentials of the cluster on their way. Use https://, for example of a proxy in front of admin.addr. On a trusted network, run "cistern login --insecure ${origin}" instead of passing --config.`,
  );
}

/** Returns true if data to `origin` is protected on its way: by TLS, or because it stays on this machine. */
export function isEncrypted(origin: string): boolean {
  const { protocol, hostname } = new URL(origin);
  return protocol === 'https:' || isLoopbackName(hostname);
}

export function basicAuthorization({ user, password }: Pick<Login, 'user' | 'password'>): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/**
 * Uses the socket in the data directory of the configuration. Without such a directory, for example in a cluster, uses
 * `admin.addr`.
 */
function localTarget(config: Config, options: AdminOptions): AdminTarget {
  const remedy = 'Run this command with the configuration of the cluster, or run "cistern login".';
  const socketPath = adminSocketPath(config);
  if (socketPath !== undefined)
    return { name: `The cache at ${socketPath}`, address: { socketPath }, authorization: undefined, remedy };
  const origin = originOf(config.admin);
  if (origin === undefined)
    throw new CommandError('admin.addr is "", so there is no admin server. Set admin.addr, or pass --url.');
  const ca = options.ca === undefined ? undefined : readAuthority(options.ca);
  return {
    name: `The admin server at ${origin}`,
    address: { origin },
    authorization: adminAuthorization(config),
    ca,
    remedy,
  };
}

/** Returns `undefined` if there is no admin server. */
function originOf({ address }: Config['admin']): string | undefined {
  if (address === undefined) return undefined;
  const { host, port } = address;
  const name = host === undefined || host === '0.0.0.0' || host === '::' ? 'localhost' : host;
  return new URL(`http://${name.includes(':') ? `[${name}]` : name}:${port}`).origin;
}
