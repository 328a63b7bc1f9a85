// The token endpoint, as in distribution's "Token Authentication Specification", GET and OAuth2's POST alike.
// real-time: tokens expire, as those of a real registry do
import { randomUUID } from 'node:crypto';
import { type Answer, answer, jsonAnswer } from '../answers/answer.ts';
import type { BearerOptions } from './auth-options.ts';
import type { Credentials } from './basic-credentials.ts';

interface Grant {
  /** The name of the account, or `anonymous`. */
  readonly subject: string;
  readonly repositories: ReadonlySet<string>;
  readonly expiresAtMs: number;
}

export interface Tokens {
  readonly issue: (credentials: Credentials | undefined, scopes: readonly string[]) => Answer;
  readonly find: (token: string) => Grant | undefined;
  readonly expireAll: () => void;
  /** All tokens in the order of issue, including expired ones. */
  readonly given: readonly string[];
}

export interface TokenDependencies {
  readonly options: BearerOptions;
  readonly refusesCredentials: () => boolean;
  /** Whether a token may grant this repository. */
  readonly grants: (repository: string) => boolean;
}

const pullScope = /^repository:(.+):(?:.*,)?pull(?:,.*)?$/;

export function createTokens({ options, refusesCredentials, grants }: TokenDependencies): Tokens {
  const { accounts = [], tokenLifetimeMs = 300_000, tokenField = 'both' } = options;
  const publicRepositories = options.publicRepositories ?? (accounts.length === 0 ? 'all' : []);
  const issued = new Map<string, Grant>();
  const given: string[] = [];

  function issue(credentials: Credentials | undefined, scopes: readonly string[]): Answer {
    const account =
      credentials === undefined || refusesCredentials()
        ? undefined
        : accounts.find(
            ({ username, password }) => username === credentials.username && password === credentials.password,
          );
    if (credentials !== undefined && account === undefined)
      return answer(401, { 'content-type': 'application/json' }, '{"details":"incorrect username or password"}');
    const mayPull = (repository: string) =>
      publicRepositories === 'all' ||
      publicRepositories.includes(repository) ||
      (account !== undefined && (account.repositories?.includes(repository) ?? true));
    const requested = scopes.flatMap((scope) => pullScope.exec(scope)?.[1] ?? []);
    const token = randomUUID();
    given.push(token);
    issued.set(token, {
      subject: account?.username ?? 'anonymous',
      repositories: new Set(requested.filter((repository) => mayPull(repository) && grants(repository))),
      expiresAtMs: Date.now() + tokenLifetimeMs,
    });
    const announced = options.announcedSeconds ?? Math.floor(tokenLifetimeMs / 1000);
    return jsonAnswer({
      ...(tokenField === 'access_token' ? {} : { token }),
      ...(tokenField === 'token' ? {} : { access_token: token }),
      ...(announced === 'absent' ? {} : { expires_in: announced }),
      issued_at: new Date().toISOString(),
    });
  }

  return {
    issue,
    find(token) {
      const grant = issued.get(token);
      return grant !== undefined && grant.expiresAtMs > Date.now() ? grant : undefined;
    },
    expireAll: () => issued.clear(),
    given,
  };
}
