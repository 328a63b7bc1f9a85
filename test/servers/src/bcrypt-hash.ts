// A password hash as htpasswd files for registries hold them. Made by crypt(3), through the perl that is part of every
// Debian, because neither Node nor the base system has another way to bcrypt.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** `$2b$05$…`: the cheapest hash that registries take. */
export async function bcryptHash(password: string): Promise<string> {
  // The last of the 22 characters carries two bits only: `u` is one that bcrypt itself would write.
  const salt = `$2b$05$${randomBytes(16).toString('hex').slice(0, 21)}u`;
  const { stdout } = await run('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', password, salt]);
  if (!stdout.startsWith('$2b$05$'))
    throw new Error(`crypt(3) of this system does not know bcrypt: it gave "${stdout}"`);
  return stdout;
}
