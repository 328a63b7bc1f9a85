// registry:2's `auth.htpasswd`: users with passwords in a file, by the Basic scheme.
import type { Authenticator } from '../authenticator.ts';
import { parseBasic } from '../parse-basic.ts';
import { createPasswordCheck } from './create-password-check.ts';
import { type HtpasswdFileOptions, openHtpasswdFile } from './open-htpasswd-file.ts';

export interface HtpasswdOptions extends HtpasswdFileOptions {
  /** Characters that a header can hold. */
  readonly realm: string;
}

/** Rejects with an Error, whose message is a clause, for a file that is not there or is none. */
export async function openHtpasswdAuthenticator({ realm, ...file }: HtpasswdOptions): Promise<Authenticator> {
  const check = createPasswordCheck(await openHtpasswdFile(file));
  return {
    challenge: `Basic realm="${realm.replace(/["\\]/g, '\\$&')}"`,
    async authenticate({ authorization, clientIp }) {
      if (authorization === undefined)
        return { result: 'refused', method: 'anonymous', message: 'This cache wants a user name and a password.' };
      const credentials = parseBasic(authorization);
      if (credentials === undefined)
        return { result: 'refused', method: 'other', message: 'The Authorization header is not of the Basic scheme.' };
      const method = 'password';
      const verdict = await check({ ...credentials, clientIp });
      switch (verdict.verdict) {
        case 'right':
          return { result: 'accepted', identity: { name: credentials.user, method } };
        case 'wrong':
          return { result: 'refused', method, message: 'The user name or the password is wrong.' };
        case 'locked-out':
          return { result: 'locked-out', method, retryAfterMs: verdict.retryAfterMs };
        default:
          return verdict satisfies never;
      }
    },
  };
}
