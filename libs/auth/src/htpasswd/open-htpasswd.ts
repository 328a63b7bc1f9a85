// registry:2's `auth.htpasswd`: users with passwords in a file.
import { type PasswordMethod, wrongPassword } from '../create-authenticator.ts';
import { createPasswordCheck } from './create-password-check.ts';
import { type HtpasswdFileOptions, openHtpasswdFile } from './open-htpasswd-file.ts';

/** Says of every password whether it is right. Rejects with an Error, whose message is a clause, for a file that is none. */
export async function openHtpasswd(options: HtpasswdFileOptions): Promise<PasswordMethod> {
  const check = createPasswordCheck(await openHtpasswdFile(options));
  const method = 'password';
  return async (attempt) => {
    const found = await check(attempt);
    switch (found.verdict) {
      case 'right':
        return { result: 'accepted', method, identity: { name: attempt.user, method } };
      case 'wrong':
        return { result: 'refused', method, message: wrongPassword };
      case 'locked-out':
        return { result: 'locked-out', method, retryAfterMs: found.retryAfterMs };
      default:
        return found satisfies never;
    }
  };
}
