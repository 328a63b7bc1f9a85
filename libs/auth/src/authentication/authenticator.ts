// Defines the port that identifies the caller of a request. It needs nothing of HTTP except the `Authorization` header.
import type { AuthenticationMethod } from '@cistern/telemetry';

export interface AuthenticationRequest {
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

/**
 * `method` is the kind of the presented credentials: `anonymous` if there are none, `other` if they cannot be parsed.
 */
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
  authenticate(request: AuthenticationRequest): Promise<Authentication>;
  /** Set if all clients are accepted. It is then the result of each `authenticate`. */
  readonly acceptedForAll?: Accepted | undefined;
  /** `undefined` means that no client is ever rejected. */
  readonly challenge: Challenge | undefined;
}

/** The authenticated caller of a request. */
export interface Identity {
  /** Name for logs and operators. Unique within its method. */
  readonly name: string;
  /**
   * How the caller authenticated. An access token of this cache keeps the method by which its caller authenticated to
   * get it.
   */
  readonly method: AuthenticationMethod;
  /** Globs of `<upstream>/<repository>` that the caller may pull; `*` does not match a slash. Unset means all. */
  readonly grants?: readonly string[] | undefined;
  /** The repositories for which the client requested its access token, as the client names them. Unset means all. */
  readonly scopes?: readonly string[] | undefined;
  /**
   * True if the caller is allowed to list the repositories that it may pull (the catalog). Unset means true. A client
   * must request this right for an access token.
   */
  readonly mayList?: boolean | undefined;
  /** Further labels for the log. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** The id of the caller's robot token. It is kept because the robot token can be revoked later. */
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
 * Accepts every client and ignores its credentials. Docker sends the user's credentials for Docker Hub to a mirror, and
 * bypasses a mirror that rejects them.
 */
export function acceptAllClients(): Authenticator {
  return { challenge: undefined, acceptedForAll: accepted, authenticate: async () => accepted };
}

/** Returns an authenticator that always does what the current one does. */
export function followAuthenticator(current: () => Authenticator): Authenticator {
  return {
    authenticate: (request) => current().authenticate(request),
    get acceptedForAll() {
      return current().acceptedForAll;
    },
    get challenge() {
      return current().challenge;
    },
  };
}
