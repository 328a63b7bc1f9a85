// The port: from what a request shows to who it comes from. It knows no HTTP beyond the one header.
import type { AuthenticationMethod } from '@cistern/telemetry';
import type { Identity } from './identity.ts';

export interface Shown {
  /** The value of the `Authorization` header. */
  readonly authorization: string | undefined;
  readonly clientIp: string;
}

export type Authentication =
  | { readonly result: 'accepted'; readonly identity: Identity }
  | {
      readonly result: 'refused';
      /** By what was shown: `anonymous` for nothing, `other` for what cannot be read. */
      readonly method: AuthenticationMethod;
      /** A sentence for the client. It does not tell whether there is such a user. */
      readonly message: string;
    }
  | { readonly result: 'locked-out'; readonly method: AuthenticationMethod; readonly retryAfterMs: number };

export interface Authenticator {
  /** Rejects with a CacheError where nobody can say now; that is never a reason to let somebody in. */
  authenticate(shown: Shown): Promise<Authentication>;
  /** What to show, for `WWW-Authenticate` of a refusal; `undefined`: nobody is ever refused. */
  readonly challenge: string | undefined;
}
