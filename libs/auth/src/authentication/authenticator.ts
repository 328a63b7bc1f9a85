// The port: from what a request shows to who it comes from. It knows no HTTP beyond the one header.
import type { AuthenticationMethod } from '@cistern/telemetry';
import type { Identity } from './identity.ts';

export interface Shown {
  /** The value of the `Authorization` header. */
  readonly authorization: string | undefined;
  readonly clientIp: string;
  /** Called before a check that costs much, and not for what is remembered. If it rejects, so does `authenticate`. */
  readonly beforeCheck?: (() => Promise<void>) | undefined;
}

export interface Accepted {
  readonly result: 'accepted';
  readonly method: AuthenticationMethod;
  readonly identity: Identity;
}

/** `method`: what was shown; `anonymous` for nothing, `other` for what cannot be read. */
export type Authentication =
  | Accepted
  | {
      readonly result: 'refused';
      readonly method: AuthenticationMethod;
      /** A sentence for the client. It does not tell whether there is such a user. */
      readonly message: string;
      /** For the log alone, where there is more to know. */
      readonly why?: string;
    }
  | { readonly result: 'locked-out'; readonly method: AuthenticationMethod; readonly retryAfterMs: number };

/** What a client that is refused is asked to show. */
export type Challenge =
  | { readonly scheme: 'basic'; readonly realm: string }
  | {
      readonly scheme: 'bearer';
      readonly service: string;
      /** Where tokens are given out: a URL, or a path at the host that the client has asked. */
      readonly realm: { readonly url: string } | { readonly path: string };
    };

export interface Authenticator {
  /** Rejects with a CacheError where nobody can say now; that is never a reason to let somebody in. */
  authenticate(shown: Shown): Promise<Authentication>;
  /** What `authenticate` resolves with whatever is shown; absent: that depends. */
  readonly everybody?: Accepted | undefined;
  /** `undefined`: nobody is ever refused. */
  readonly challenge: Challenge | undefined;
}
