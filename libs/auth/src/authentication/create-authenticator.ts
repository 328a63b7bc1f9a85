// The ways to come in that the configuration has, as one.
import type { Authentication, Authenticator, Challenge, Shown } from './authenticator.ts';
import { parseBasic } from './parse-basic.ts';

export interface PasswordAttempt {
  readonly user: string;
  readonly password: string;
  readonly clientIp: string;
  readonly beforeCheck?: Shown['beforeCheck'];
}

/** `undefined`: that is no password of this kind, the next may know it. Rejects with a CacheError if it cannot be found out. */
export type PasswordMethod = (attempt: PasswordAttempt) => Promise<Authentication | undefined>;

/** As `PasswordMethod`, of the Bearer scheme. */
export type TokenMethod = (token: string) => Promise<Authentication | undefined>;

export interface AuthenticatorParts {
  readonly challenge: Challenge;
  /** Asked in this order. */
  readonly passwords: readonly PasswordMethod[];
  readonly tokens: readonly TokenMethod[];
}

/** For the client, and for the log. */
export const wrongPassword = {
  message: 'The user name or the password is wrong.',
  why: 'the user name or the password is wrong',
} as const;

/** podman and skopeo show an empty name and password where they have none. */
const basicOfNobody = 'Basic Og==';
const bearer = /^bearer +([\w.~+/=-]+)$/i;

export function createAuthenticator({ challenge, passwords, tokens }: AuthenticatorParts): Authenticator {
  return {
    challenge,
    async authenticate({ authorization, clientIp, beforeCheck }) {
      if (authorization === undefined || authorization === basicOfNobody)
        return { result: 'refused', method: 'anonymous', message: 'This cache wants to know who asks: log in to it.' };
      const token = bearer.exec(authorization)?.[1];
      const basic = token === undefined ? parseBasic(authorization) : undefined;
      const found =
        token !== undefined
          ? await first(tokens, token)
          : basic && (await first(passwords, { ...basic, clientIp, beforeCheck }));
      if (found !== undefined) return found;
      if (basic !== undefined) return { result: 'refused', method: 'password', ...wrongPassword };
      return {
        result: 'refused',
        method: 'other',
        message: 'What the Authorization header shows is of no kind known here.',
        why: 'the Authorization header is of no kind known here',
      };
    },
  };
}

async function first<T>(
  methods: readonly ((shown: T) => Promise<Authentication | undefined>)[],
  shown: T,
): Promise<Authentication | undefined> {
  for (const method of methods) {
    const found = await method(shown);
    if (found !== undefined) return found;
  }
  return undefined;
}
