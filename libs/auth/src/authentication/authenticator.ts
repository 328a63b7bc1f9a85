// Defines the port that identifies the caller of a request. It knows no HTTP beyond the `Authorization` header.
import type { AuthenticationMethod } from '@cistern/telemetry';

export interface Shown {
  /** The value of the `Authorization` header. */
  readonly authorization: string | undefined;
  readonly clientIp: string;
  /** Called before an expensive check, but not for a remembered result. If it rejects, `authenticate` rejects too. */
  readonly beforeCheck?: (() => Promise<void>) | undefined;
}

export interface Accepted {
  readonly result: 'accepted';
  readonly method: AuthenticationMethod;
  readonly identity: Identity;
}

/** `method` is the kind of the presented credentials: `anonymous` without any, `other` if they cannot be parsed. */
export type Authentication =
  | Accepted
  | {
      readonly result: 'refused';
      readonly method: AuthenticationMethod;
      /** A sentence for the client. It does not reveal whether the user exists. */
      readonly message: string;
      /** Further details for the log only. */
      readonly why?: string;
    }
  | { readonly result: 'locked-out'; readonly method: AuthenticationMethod; readonly retryAfterMs: number };

/** The credentials that a rejected client should present. */
export type Challenge =
  | { readonly scheme: 'basic'; readonly realm: string }
  | {
      readonly scheme: 'bearer';
      readonly service: string;
      /** Where clients get tokens: a URL, or a path at the requested host. */
      readonly realm: { readonly url: string } | { readonly path: string };
    };

export interface Authenticator {
  /** Identifies the caller. Rejects with a CacheError if it cannot decide now; the caller must not be admitted then. */
  authenticate(shown: Shown): Promise<Authentication>;
  /** The constant result of `authenticate`, if it does not depend on the credentials. */
  readonly everybody?: Accepted | undefined;
  /** `undefined` means that no client is ever rejected. */
  readonly challenge: Challenge | undefined;
}

/** The caller of a request, as this cache knows it. */
export interface Identity {
  /** Name for logs and operators. Unique within its method. */
  readonly name: string;
  /** How the caller was identified; an access token keeps the method of its issuance. */
  readonly method: AuthenticationMethod;
  /** Globs of `<upstream>/<repository>` that the caller may pull; `*` does not match a slash. Unset means all. */
  readonly grants?: readonly string[] | undefined;
  /** The repositories that an access token was requested for, in the client's naming. Unset means all. */
  readonly scopes?: readonly string[] | undefined;
  /**
   * Whether the caller may list the catalog of repositories that it may pull. Unset means yes; access tokens must
   * request it.
   */
  readonly mayList?: boolean | undefined;
  /** Further labels for the log. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The id of the robot token, which may be revoked. */
  readonly robotId?: string | undefined;
}

/** A caller without credentials, where none are required. */
export const anonymous: Identity = Object.freeze({ name: 'anonymous', method: 'anonymous' });

/**
 * Returns one name for an identity of any method, as logs and rules use it. A user keeps its own name (`ada`). Others
 * get a name that no user has (`robot:ci`, `oidc:github/repo:acme/app`). A caller without an identity is `anonymous`.
 */
export function userName({ method, name }: Identity): string {
  if (method === 'password' || method === 'token') return name === '' ? anonymous.name : name;
  return method === 'anonymous' ? anonymous.name : `${method}:${name}`;
}

const accepted = Object.freeze({ result: 'accepted', method: 'anonymous', identity: anonymous } as const);

/**
 * Accepts every client without reading its credentials. A docker client sends a mirror the user's credentials for
 * Docker Hub, which are not ours. It bypasses a mirror that rejects them.
 */
export function acceptAllClients(): Authenticator {
  return { challenge: undefined, everybody: accepted, authenticate: async () => accepted };
}
