// Authorizes a request or returns a refusal: without authentication, with Basic, or with Bearer and a token endpoint.
import { type Answer, errorAnswer } from '../answers/answer.ts';
import type { Host, Target } from '../target.ts';
import type { AuthControls, AuthOptions } from './auth-options.ts';
import { type Credentials, parseBasic } from './basic-credentials.ts';
import { createTokens } from './tokens.ts';

export interface Auth extends AuthControls {
  /** Returns the subject whose budget the request spends, or the refusal. */
  authorize(
    target: Target,
    authorization: string | undefined,
  ): { readonly subject: string } | { readonly refusal: Answer };
  /** Returns the refusal for a valid token with insufficient rights. */
  refuse(target: Target): Answer;
  answerToken(credentials: Credentials | undefined, scopes: readonly string[]): Answer;
}

export interface AuthDependencies {
  readonly options: AuthOptions;
  readonly urlOf: (host: Host) => string;
  /** Docker Hub grants nothing for a repository that does not exist, and therefore answers it with 401. */
  readonly grants: (repository: string) => boolean;
}

export function createAuth({ options, urlOf, grants }: AuthDependencies): Auth {
  let refusing = false;
  const bearer = options.kind === 'bearer' ? options : ({ kind: 'bearer' } as const);
  const tokens = createTokens({ options: bearer, refusesCredentials: () => refusing, grants });

  function challenge(target: Target, error: string | undefined): Answer {
    const parameters = [`realm="${urlOf(bearer.realm ?? 'registry')}/token"`, 'service="fake-upstream"'];
    if (target.repository !== undefined) parameters.push(`scope="repository:${target.repository}:pull"`);
    if (error !== undefined) parameters.push(`error="${error}"`);
    return unauthorized(`Bearer ${parameters.join(',')}`);
  }

  function byToken(target: Target, authorization: string | undefined) {
    const [, token] = /^bearer (\S+)$/i.exec(authorization ?? '') ?? [];
    if (token === undefined) return { refusal: challenge(target, undefined) };
    const grant = tokens.find(token);
    if (grant === undefined) return { refusal: challenge(target, 'invalid_token') };
    if (target.repository !== undefined && !grant.repositories.has(target.repository))
      return { refusal: challenge(target, 'insufficient_scope') };
    return { subject: grant.subject };
  }

  function byPassword(target: Target, authorization: string | undefined) {
    const credentials = parseBasic(authorization);
    const known = options.kind === 'basic' && !refusing ? options.accounts : [];
    const account = known.find(
      ({ username, password }) => username === credentials?.username && password === credentials.password,
    );
    if (account === undefined) return { refusal: unauthorized('Basic realm="fake-upstream"') };
    if (target.repository !== undefined && account.repositories?.includes(target.repository) === false)
      return { refusal: errorAnswer(403, 'DENIED', 'requested access to the resource is denied') };
    return { subject: account.username };
  }

  return {
    authorize(target, authorization) {
      // The token endpoint checks passwords itself, and a presigned URL is its own permission.
      const open = target.endpoint === 'token' || target.endpoint === 'redirected-blob';
      if (open || options.kind === 'none') return { subject: 'anonymous' };
      return options.kind === 'basic' ? byPassword(target, authorization) : byToken(target, authorization);
    },
    refuse: (target) =>
      options.kind === 'bearer' ? challenge(target, 'insufficient_scope') : unauthorized('Basic realm="fake-upstream"'),
    answerToken: tokens.issue,
    refuseCredentials: (refuse) => {
      refusing = refuse;
    },
    expireTokens: tokens.expireAll,
    givenTokens: tokens.given,
  };
}

function unauthorized(wwwAuthenticate: string): Answer {
  return errorAnswer(401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': wwwAuthenticate });
}
