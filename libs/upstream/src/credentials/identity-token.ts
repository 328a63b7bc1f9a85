// What a login leaves at some registries, Azure's among them, in place of a password: good for tokens, and for nothing else
// (decision 0024).
import type { UpstreamCredentials } from '../upstream-settings.ts';

/** As docker and its credential helpers write it. */
const username = '<token>';

export function identityToken(token: string): UpstreamCredentials {
  return { username, password: token };
}

export function isIdentityToken(credentials: UpstreamCredentials): boolean {
  return credentials.username === username;
}
