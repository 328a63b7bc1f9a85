export { acceptEverybody } from './accept-everybody.ts';
export type { Authentication, Authenticator, Shown } from './authenticator.ts';
export { openHtpasswdAuthenticator } from './htpasswd/htpasswd-authenticator.ts';
export { anonymous } from './identity.ts';
export type { Identity } from './identity.ts';
