// The port: from what a request shows to who it comes from. It knows no HTTP beyond the one header.
import type { AuthenticationMethod } from '@cistern/telemetry';

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
      /** A sentence for the client. It does not say whether there is such a user. */
      readonly message: string;
      /** For the log alone, where there is more to know. */
      readonly why?: string;
    }
  | { readonly result: 'locked-out'; readonly method: AuthenticationMethod; readonly retryAfterMs: number };

/** The credentials that a refused client should show. */
export type Challenge =
  | { readonly scheme: 'basic'; readonly realm: string }
  | {
      readonly scheme: 'bearer';
      readonly service: string;
      /** Where tokens are given out: a URL, or a path at the host that the client has asked. */
      readonly realm: { readonly url: string } | { readonly path: string };
    };

export interface Authenticator {
  /** Rejects with a CacheError where it cannot find out now. The caller must not be admitted then. */
  authenticate(shown: Shown): Promise<Authentication>;
  /** The one answer of `authenticate`, if it does not depend on the credentials. */
  readonly everybody?: Accepted | undefined;
  /** `undefined`: no client is ever refused. */
  readonly challenge: Challenge | undefined;
}

/** The caller of a request, as this cache knows it. */
export interface Identity {
  /** For the log and for people. Unique among those of the same method. */
  readonly name: string;
  /** How it was found out; for an access token, when that was given out. */
  readonly method: AuthenticationMethod;
  /** Globs of `<upstream>/<repository>` that may be pulled, by which `*` passes no slash; absent: all. */
  readonly grants?: readonly string[] | undefined;
  /** The repositories that an access token was requested for, named as the client names them. Unset means all. */
  readonly scopes?: readonly string[] | undefined;
  /** Whether it may read the catalog, as far as it may pull. Default: yes. An access token must have been asked for that. */
  readonly mayList?: boolean | undefined;
  /** What else the log has of it, for attribution. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The id of the robot token, which may be revoked. */
  readonly robotId?: string | undefined;
}

/** A caller without credentials, where none are required. */
export const anonymous: Identity = Object.freeze({ name: 'anonymous', method: 'anonymous' });

/**
 * One name for an identity of any method, as logs and rules have it. A user has its own name (`ada`), others have one that is no
 * user's (`robot:ci`, `oidc:github/repo:acme/app`), and a caller without an identity is `anonymous`.
 */
export function userName({ method, name }: Identity): string {
  if (method === 'password' || method === 'token') return name === '' ? anonymous.name : name;
  return method === 'anonymous' ? anonymous.name : `${method}:${name}`;
}

const accepted = Object.freeze({ result: 'accepted', method: 'anonymous', identity: anonymous } as const);

/**
 * Does not even look: docker shows a mirror the user's credentials for Docker Hub, which are none of ours, and goes round
 * a mirror that refuses them.
 */
export function acceptEverybody(): Authenticator {
  return { challenge: undefined, everybody: accepted, authenticate: async () => accepted };
}
