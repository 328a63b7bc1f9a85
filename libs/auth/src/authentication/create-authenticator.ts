// Combines the configured authentication methods into one authenticator.
import type { Authentication, AuthenticationRequest, Authenticator, Challenge } from './authenticator.ts';

export interface PasswordAttempt {
  readonly user: string;
  readonly password: string;
  readonly clientIp: string;
  readonly beforeCheck?: AuthenticationRequest['beforeCheck'];
}

/**
 * Checks a user name and password. Resolves to `undefined` if another method must decide. Rejects with a CacheError if
 * it cannot decide now.
 */
export type PasswordMethod = (attempt: PasswordAttempt) => Promise<Authentication | undefined>;

/** Like `PasswordMethod`, for the Bearer scheme. */
export type TokenMethod = (token: string) => Promise<Authentication | undefined>;

export interface AuthenticatorParts {
  readonly challenge: Challenge;
  /** Tried in this order. */
  readonly passwords: readonly PasswordMethod[];
  readonly tokens: readonly TokenMethod[];
}

/** Messages for the client and for the log. */
export const wrongPassword = {
  message: 'The user name or the password is wrong.',
  why: 'the user name or the password is wrong',
} as const;

/** podman and skopeo send an empty name and password if they have none. */
const emptyBasic = 'Basic Og==';
const bearer = /^bearer +([\w.~+/=-]+)$/i;

export function createAuthenticator({ challenge, passwords, tokens }: AuthenticatorParts): Authenticator {
  return {
    challenge,
    async authenticate({ authorization, clientIp, beforeCheck }) {
      if (authorization === undefined || authorization === emptyBasic)
        return { result: 'refused', method: 'anonymous', message: 'This cache requires authentication: log in to it.' };
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
        message: 'The kind of credentials in the Authorization header is not supported.',
        why: 'the kind of credentials in the Authorization header is not supported',
      };
    },
  };
}

async function first<T>(
  methods: readonly ((request: T) => Promise<Authentication | undefined>)[],
  request: T,
): Promise<Authentication | undefined> {
  for (const method of methods) {
    const found = await method(request);
    if (found !== undefined) return found;
  }
  return undefined;
}

interface BasicCredentials {
  readonly user: string;
  readonly password: string;
}

const scheme = /^basic +([A-Za-z0-9+/]+={0,2})$/i;
// RFC 7617, section 2: neither part may contain control characters.
const controls = /\p{Cc}/u;

/**
 * Parses the Basic scheme of RFC 7617. It is strict, so that two programs never read different users from one header.
 * Returns `undefined` for another scheme and for invalid base64, invalid UTF-8 or a missing colon.
 */
export function parseBasic(authorization: string): BasicCredentials | undefined {
  const encoded = scheme.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  // Node's decoder ignores characters that are not base64, and leftover bits, so the text is compared with its own
  // encoding.
  if (bytes.toString('base64').replace(/=+$/, '') !== encoded.replace(/=+$/, '')) return undefined;
  const text = decodeUtf8(bytes);
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon === -1 || controls.test(text)) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Buffer): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}
