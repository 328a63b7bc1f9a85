import type { AuthenticationMethod } from '@cistern/telemetry';

/** Who a request comes from, as far as this cache is concerned. */
export interface Identity {
  /** For the log and for people. Unique among those of the same method. */
  readonly name: string;
  /** How it was found out; for an access token, when that was given out. */
  readonly method: AuthenticationMethod;
  /** Globs of `<upstream>/<repository>` that may be pulled, by which `*` passes no slash; absent: all. */
  readonly grants?: readonly string[] | undefined;
  /** Of an access token: the repositories, named as the client names them, that it was asked for. Absent: not narrowed. */
  readonly scopes?: readonly string[] | undefined;
  /** Whether it may read the catalog, as far as it may pull. Default: yes. An access token must have been asked for that. */
  readonly mayList?: boolean | undefined;
  /** What else is told of it in the log, for attribution. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Of a robot token, which may be revoked. */
  readonly robotId?: string | undefined;
}

/** Whoever shows nothing, where nothing has to be shown. */
export const anonymous: Identity = Object.freeze({ name: 'anonymous', method: 'anonymous' });

/**
 * One name for an identity of any method, as logs and rules have it: users by their own (`ada`), others so that nobody takes
 * them for one (`robot:ci`, `oidc:github/repo:acme/app`), and `anonymous` for whoever has none.
 */
export function userName({ method, name }: Identity): string {
  if (method === 'password' || method === 'token') return name === '' ? anonymous.name : name;
  return method === 'anonymous' ? anonymous.name : `${method}:${name}`;
}
