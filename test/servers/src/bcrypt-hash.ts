// Creates the bcrypt hash of a password for the htpasswd file of a registry. For this, perl calls crypt(3), because
// neither Node.js nor Debian's base system has another bcrypt.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Resolves to a hash `$2b$05$…`, whose cost is the lowest that registries accept. */
export async function bcryptHash(password: string): Promise<string> {
  // The last of the salt's 22 characters has only two significant bits. `u` is one of the characters that bcrypt itself
  // writes.
  const salt = `$2b$05$${randomBytes(16).toString('hex').slice(0, 21)}u`;
  const { stdout } = await run('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', password, salt]);
  if (!stdout.startsWith('$2b$05$'))
    throw new Error(`crypt(3) of this system does not support bcrypt: it returned "${stdout}"`);
  return stdout;
}
