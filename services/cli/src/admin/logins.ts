// The logins of this user at admin servers, in one file that only this user can read. The file has passwords in clear
// text, because commands send them with each request.
import { readFileSync } from 'node:fs';
import { chmod, mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { ignoreMissing, replaceFile } from '@cistern/runtime';
import type { Environment } from '@cistern/runtime/process';
import { CommandError } from '../terminal/command-error.ts';
import { withFile } from '../terminal/file-failure.ts';

export interface Login {
  readonly user: string;
  readonly password: string;
  /** A CA certificate to trust, in PEM. */
  readonly ca?: string | undefined;
}

export interface Logins {
  /** The server of commands that name none. */
  readonly current?: string | undefined;
  /** By the origin of the server, such as `https://cache.example:5003`. */
  readonly servers: Readonly<Record<string, Login>>;
}

/** Returns the path of the file, according to the XDG base directory specification. */
export function loginsPath(env: Environment): string {
  const given = env['XDG_CONFIG_HOME'];
  const base = given !== undefined && isAbsolute(given) ? given : join(env['HOME'] || homedir(), '.config');
  return join(base, 'cistern', 'logins.json');
}

/** The logins, and the reason if the file of logins cannot be read. */
export interface FoundLogins extends Logins {
  readonly failure?: CommandError;
}

/** Returns no logins if there is no file. Throws `CommandError` if the file cannot be read. */
export function readLogins(env: Environment): Logins {
  const { failure, ...logins } = findLogins(env);
  if (failure !== undefined) throw failure;
  return logins;
}

/**
 * Returns no logins if there is no file, or if it cannot be read. With `sudo -u`, for example, `HOME` can be the directory of
 * another user, whose logins are not needed. Throws `CommandError` if the file is not one of logins.
 */
export function findLogins(env: Environment): FoundLogins {
  const path = loginsPath(env);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { servers: {} };
    const message = `The logins in ${path} cannot be read (${code}). Make the file readable, or set HOME to your own directory.`;
    return { servers: {}, failure: new CommandError(message) };
  }
  try {
    const { current, servers } = JSON.parse(text) as Partial<Logins>;
    if (typeof servers === 'object' && servers !== null) return { current, servers };
  } catch {}
  throw new CommandError(`${path} is not a file of logins. Remove it, then run "cistern login" again.`);
}

/** Replaces the file. It and its directory are private to this user. Rejects with `CommandError`. */
export async function writeLogins(env: Environment, logins: Logins): Promise<void> {
  const path = loginsPath(env);
  await withFile(dirname(path), 'written', async () => mkdir(dirname(path), { recursive: true, mode: 0o700 }));
  // A replaced file keeps its mode, and a restored backup may be readable for all.
  await withFile(path, 'written', async () => chmod(path, 0o600).catch(ignoreMissing));
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  await withFile(path, 'written', () =>
    replaceFile(path, `${JSON.stringify(logins, undefined, 2)}\n`, { uid, gid, mode: 0o600 }),
  );
}
