// registry:2's `auth.htpasswd`: users with passwords in a file.
import type { Logger } from '@cistern/telemetry';
import type { PasswordMethod } from '../authentication/create-authenticator.ts';
import { openParsedFile } from '../authentication/open-parsed-file.ts';
import type { SharedTries } from '../limits/create-lock-out.ts';
import { parseHtpasswd } from './htpasswd-file.ts';

export interface HtpasswdOptions {
  readonly path: string;
  /** Where nodes count wrong passwords together; absent: this process counts for itself. */
  readonly sharedTries?: SharedTries | undefined;
  readonly log: Logger;
}

/** Says of every password whether it is right. Rejects with an Error, whose message is a clause, for a file that is none. */
export async function openHtpasswd({ path, sharedTries, log }: HtpasswdOptions): Promise<PasswordMethod> {
  // Not before there are passwords: a cache without any does without the libraries behind these.
  const [{ createPasswordMethod }, { createLockOut }] = await Promise.all([
    import('./create-password-method.ts'),
    import('../limits/create-lock-out.ts'),
  ]);
  const file = await openParsedFile({
    path,
    log,
    parse: parseHtpasswd,
    onRead({ hashes, otherHashes }) {
      log.info({ path, users: hashes.size }, 'users read');
      if (otherHashes.length > 0)
        log.warn({ path, lines: otherHashes }, 'users whose passwords are not hashed by bcrypt cannot come in');
    },
    advice: `htpasswd -Bc ${path} <user> makes one`,
  });
  return createPasswordMethod(file, createLockOut({ shared: sharedTries, log }));
}
