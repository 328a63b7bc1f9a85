// Parses and edits an htpasswd file as registry:2 reads it: one user a line, bcrypt only. Edits keep comments and the
// order of lines.
import { randomBytes } from 'node:crypto';

export interface HtpasswdUsers {
  /** Hashes by user name, in the form `$2b$…` whatever prefix the file uses. The last line of a user wins. */
  readonly hashes: ReadonlyMap<string, string>;
  /** A hash that no password matches, as expensive as the most expensive of the others. */
  readonly dummyHash: string;
  /** Numbers of lines whose users can never log in, because their passwords are not hashed by bcrypt. */
  readonly otherHashes: readonly number[];
}

const bcryptHash = /^\$2[aby](\$(?:0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{53})$/;

/**
 * Highest cost of a bcrypt hash. A check of this cost takes about a second and occupies one of two threads. Each
 * further step doubles the time.
 */
const maxCost = 14;

/** Throws an Error that names the line that is malformed or whose hash is too costly to check. */
export function parseHtpasswd(text: string): HtpasswdUsers {
  const hashes = new Map<string, string>();
  const otherHashes: number[] = [];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) continue;
    const colon = entry.indexOf(':');
    if (colon < 1) throw new Error(`line ${at + 1} does not have the form <user>:<hash>`);
    const user = entry.slice(0, colon);
    const hash = bcryptHash.exec(entry.slice(colon + 1))?.[1];
    if (Number(hash?.slice(1, 3)) > maxCost)
      throw new Error(
        `line ${at + 1} has a bcrypt hash of cost ${hash?.slice(1, 3)}, the maximum is ${maxCost}: use a hash of cost 12 (htpasswd -nB -C 12 <user>)`,
      );
    // The letter of the prefix only marks old implementations that had bugs. All hashes are computed the same way.
    if (hash !== undefined) hashes.set(user, `$2b${hash}`);
    else {
      hashes.delete(user);
      otherHashes.push(at + 1);
    }
  }
  return { hashes, otherHashes, dummyHash: dummyHash([...hashes.values()]) };
}

function dummyHash(hashes: readonly string[]): string {
  const cost = Math.max(4, ...hashes.map((hash) => Number(hash.slice(4, 6))));
  const random = randomBytes(64)
    .toString('base64')
    .replace(/[^A-Za-z0-9]/g, '.');
  return `$2b$${String(cost).padStart(2, '0')}$${random.slice(0, 53)}`;
}

/** Cost of new bcrypt hashes. Each guess takes about a quarter of a second of processor time. */
const cost = 12;
const minPasswordLength = 8;
/** bcrypt ignores further bytes. */
const maxPasswordBytes = 72;

/**
 * Adds the user, or replaces the password. Throws an Error, whose message is a clause, for an invalid name or password.
 * Also throws as `parseHtpasswd` does.
 */
export async function setHtpasswdUser(
  text: string,
  { user, password }: { readonly user: string; readonly password: string },
): Promise<string> {
  parseHtpasswd(text);
  if (!/^[^:#\s\p{Cc}][^:\p{Cc}]*$/u.test(user) || user.trim() !== user)
    throw new Error('a user name must not contain a colon, begin with "#" or have spaces around it');
  if (password.length < minPasswordLength) throw new Error(`a password needs at least ${minPasswordLength} characters`);
  if (Buffer.byteLength(password) > maxPasswordBytes)
    throw new Error(`a password may have at most ${maxPasswordBytes} bytes: bcrypt ignores the rest`);
  const { default: bcrypt } = await import('bcrypt');
  const entry = `${user}:${await bcrypt.hash(password, cost)}`;
  const lines = linesOf(text);
  const first = lines.findIndex((line) => userOf(line) === user);
  const at = first === -1 ? lines.length : first;
  const others = (some: readonly string[]) => some.filter((line) => userOf(line) !== user);
  return join([...others(lines.slice(0, at)), entry, ...others(lines.slice(at))]);
}

/** Removes the user. Returns `undefined` if there is no such user. Throws as `parseHtpasswd` does. */
export function removeHtpasswdUser(text: string, user: string): string | undefined {
  parseHtpasswd(text);
  const lines = linesOf(text);
  const left = lines.filter((line) => userOf(line) !== user);
  return left.length === lines.length ? undefined : join(left);
}

/** Returns the names of the users who can log in, sorted. Throws as `parseHtpasswd` does. */
export function listHtpasswdUsers(text: string): readonly string[] {
  return [...parseHtpasswd(text).hashes.keys()].toSorted();
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

function join(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function userOf(line: string): string | undefined {
  const entry = line.trim();
  return entry.startsWith('#') ? undefined : entry.slice(0, entry.indexOf(':'));
}
