// Opens registry:2's `auth.htpasswd`: a file of users with passwords.
import type { Logger } from '@cistern/telemetry';
import type { PasswordMethod } from '../authentication/create-authenticator.ts';
import { openParsedFile } from '../authentication/open-parsed-file.ts';
import type { SharedTries } from '../limits/create-lock-out.ts';
import { parseHtpasswd } from './htpasswd-file.ts';

export interface HtpasswdOptions {
  readonly path: string;
  /** Lets nodes count wrong passwords together. Unset means that this process counts alone. */
  readonly sharedTries?: SharedTries | undefined;
  readonly log: Logger;
  /** Without the file all passwords are wrong until it exists. Default false. */
  readonly mayBeMissing?: boolean;
}

/**
 * Creates a method that decides about every password. Rejects with an Error, whose message is a clause, if the
 * file cannot be read or is invalid.
 */
export async function openHtpasswd({ path, sharedTries, log, mayBeMissing }: HtpasswdOptions): Promise<PasswordMethod> {
  // Imported late, so that a cache without passwords does not load the libraries of these modules.
  const [{ createPasswordMethod }, { createLockOut }] = await Promise.all([
    import('./create-password-method.ts'),
    import('../limits/create-lock-out.ts'),
  ]);
  const file = await openParsedFile({
    path,
    log,
    parse: parseHtpasswd,
    onRead({ hashes, otherHashes }) {
      log.info({ path, users: hashes.size }, 'loaded users');
      if (otherHashes.length > 0) log.warn({ path, lines: otherHashes }, 'ignored users without bcrypt password hash');
    },
    advice: `create it: cistern user add ${path} <user>`,
    ...(mayBeMissing === true && { mayBeMissing }),
  });
  return createPasswordMethod(file, createLockOut({ shared: sharedTries, log }));
}
