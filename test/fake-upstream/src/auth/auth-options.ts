// Options for how a fake upstream authenticates its clients.
import type { Host } from '../target.ts';

export interface Account {
  readonly username: string;
  readonly password: string;
  /** The repositories that the account may pull. Default: all. */
  readonly repositories?: readonly string[];
}

export interface BearerOptions {
  readonly kind: 'bearer';
  /** Default: none. */
  readonly accounts?: readonly Account[];
  /** The repositories that an anonymous token grants. Default: `all` without accounts, otherwise none. */
  readonly publicRepositories?: 'all' | readonly string[];
  /** The address of the token endpoint in the challenge. Default: `registry`. */
  readonly realm?: Host;
  /** The real lifetime of a token. Default: 300 s. */
  readonly tokenLifetimeMs?: number;
  /** The lifetime that the token endpoint reports. `absent` means that it reports none. Default: the real lifetime. */
  readonly announcedSeconds?: number | 'absent';
  /** The response field that contains the token. Default: `both`. */
  readonly tokenField?: 'token' | 'access_token' | 'both';
}

export type AuthOptions =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly accounts: readonly Account[] }
  | BearerOptions;

/** Lets a test change the authentication while the upstream runs. */
export interface AuthControls {
  /** Rejects all passwords from now on, or accepts them again. Issued tokens stay valid. */
  refuseCredentials(refuse: boolean): void;
  /** Invalidates all tokens issued so far. */
  expireTokens(): void;
  /** All tokens that were ever issued. */
  readonly givenTokens: readonly string[];
}
