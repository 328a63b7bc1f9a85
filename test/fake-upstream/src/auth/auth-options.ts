// How a fake upstream asks its clients who they are.
import type { Host } from '../target.ts';

export interface Account {
  readonly username: string;
  readonly password: string;
  /** What it may pull; default: everything. */
  readonly repositories?: readonly string[];
}

export interface BearerOptions {
  readonly kind: 'bearer';
  /** Default none. */
  readonly accounts?: readonly Account[];
  /** What an anonymous token is good for; default `all` without accounts, else nothing. */
  readonly publicRepositories?: 'all' | readonly string[];
  /** Where the token endpoint of the challenge is; default `registry`. */
  readonly realm?: Host;
  /** How long a token is really good for, default 300 s. */
  readonly tokenLifetimeMs?: number;
  /** What the token endpoint says of that; `absent`: nothing; default: the truth. */
  readonly announcedSeconds?: number | 'absent';
  /** The field the token comes in; default `both`. */
  readonly tokenField?: 'token' | 'access_token' | 'both';
}

export type AuthOptions =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly accounts: readonly Account[] }
  | BearerOptions;

/** For a test to change things while the upstream runs. */
export interface AuthControls {
  /** Every password is wrong from now on, or right again. Tokens already given stay good. */
  refuseCredentials(refuse: boolean): void;
  /** No token given so far is good any more. */
  expireTokens(): void;
  /** All that were ever given. */
  readonly givenTokens: readonly string[];
}
