// The text of an htpasswd file with a user more, less, or with another password. Comments, and the order of lines, stay.
import { parseHtpasswd } from './parse-htpasswd.ts';

/** About a quarter of a second of a processor for each guess. */
const cost = 12;
/** bcrypt looks at no more. */
const maxPasswordBytes = 72;

/** Adds the user, or replaces the password. Throws an Error, a clause, for a name or a password that cannot be, and as `parseHtpasswd`. */
export async function setHtpasswdUser(
  text: string,
  { user, password }: { readonly user: string; readonly password: string },
): Promise<string> {
  parseHtpasswd(text);
  if (!/^[^:#\s\p{Cc}][^:\p{Cc}]*$/u.test(user) || user.trim() !== user)
    throw new Error('a name has no colon, no "#" at its beginning and no spaces around it');
  if (password === '') throw new Error('the password is empty');
  if (Buffer.byteLength(password) > maxPasswordBytes)
    throw new Error(`a password has ${maxPasswordBytes} bytes at most: bcrypt looks at no more`);
  const { default: bcrypt } = await import('bcrypt');
  const entry = `${user}:${await bcrypt.hash(password, cost)}`;
  const lines = linesOf(text);
  const first = lines.findIndex((line) => userOf(line) === user);
  const at = first === -1 ? lines.length : first;
  const others = (some: readonly string[]) => some.filter((line) => userOf(line) !== user);
  return join([...others(lines.slice(0, at)), entry, ...others(lines.slice(at))]);
}

/** `undefined`: there is no such user. Throws as `parseHtpasswd`. */
export function removeHtpasswdUser(text: string, user: string): string | undefined {
  parseHtpasswd(text);
  const lines = linesOf(text);
  const left = lines.filter((line) => userOf(line) !== user);
  return left.length === lines.length ? undefined : join(left);
}

/** Names of those who can come in, sorted. Throws as `parseHtpasswd`. */
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
