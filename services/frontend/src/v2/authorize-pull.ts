// Resolves the repository and upstream of a request, and authorizes the pull. It runs only one time for a request, before the
// handler of the request.
import { type Challenge, networkOf } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { Reference } from '@cistern/oci';
import { AuthorizedRepository } from '@cistern/pull-through';
import type { ResolvedName, UpstreamTable } from '@cistern/upstream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerChallenge } from '../callers/caller-tokens.ts';
import { formatChallenge } from '../hooks/authenticate.ts';
import { pullScope, resolveIfKnown } from '../token/scopes.ts';
import { queryValue } from '../http/request-fields.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

export interface NamedPath {
  readonly name: string;
  readonly prefix?: string;
  readonly reference?: Reference;
}

/**
 * Throws `name-unknown` or `name-invalid` for a name that belongs to no upstream, `loop-detected`, or `denied`. If the client's
 * token is for other repositories, it throws `unauthenticated` and sets a challenge, because the client can get another token.
 */
export function authorizePull(
  dependencies: V2Dependencies,
  path: NamedPath,
  request: FastifyRequest,
  reply: FastifyReply,
): AuthorizedRepository {
  const { authorize, authenticator, upstreams, instanceId, isVerified } = dependencies;
  refuseLoop(request.headers['x-cistern-hop'], instanceId);
  const { upstream, repository, mode } = upstreams.resolve(requestName(path, request));
  const { record } = request;
  record.mode = mode;
  record.facts.upstream = upstream;
  record.facts.repository = repository;
  const { identity } = record;
  if (identity === undefined) throw new Error('the request has not been authenticated');
  const callerTokens = isVerified(upstream) ? dependencies.callerTokens() : undefined;
  const decision = AuthorizedRepository.decide(authorize, {
    upstream,
    repository,
    tag: path.reference?.kind === 'tag' ? path.reference.tag : undefined,
    asker: { identity, clientIp: request.ip },
    isInScope:
      identity.scopes && ((key) => identity.scopes!.some((scope) => isScopeOf(upstreams, scope, request.host, key))),
    caller: callerTokens?.read(request.headers.authorization).caller,
    network: callerTokens && networkOf(request.ip),
    facts: record.facts,
  });
  if (decision.result === 'denied') {
    record.facts.denied = decision.why;
    throw decision.error;
  }
  // `scopeNameOf` resolves the name again, so the scope is computed only if a challenge needs it.
  const scope = () => pullScope(scopeNameOf(upstreams, path, request));
  if (decision.result === 'out-of-scope') throw insufficientScope(authenticator.challenge, scope(), request, reply);
  reply.header('x-cistern-upstream', upstream);
  const { target } = decision;
  if (target.caller !== undefined) {
    const challenge = () => formatChallenge(callerChallenge, request, { scope: scope() });
    record.verified = { challenge, hasCredentials: target.caller.kind !== 'anonymous' };
  }
  return target;
}

/**
 * Returns the name in the scope of an access token for this pull. It is the name in the client's path, if this name alone leads
 * to the upstream. If a prefix or `?ns=` selects another upstream, it is the full name.
 */
export function scopeNameOf(upstreams: UpstreamTable, path: NamedPath, request: FastifyRequest): string {
  const place = resolveIfKnown(upstreams, requestName(path, request));
  if (place === undefined || isScopeOf(upstreams, path.name, request.host, place)) return path.name;
  return `${place.upstream}/${place.repository}`;
}

/**
 * Returns whether a scope is for a repository. `scope` is a repository name. If it names no upstream, it belongs to the upstream
 * of this host, or else to the default upstream. A prefix or `?ns=` of the pull does not change this.
 */
function isScopeOf(
  upstreams: UpstreamTable,
  scope: string,
  host: string,
  { upstream, repository }: Pick<ResolvedName, 'upstream' | 'repository'>,
): boolean {
  if (scope === `${upstream}/${repository}`) return true;
  const place = resolveIfKnown(upstreams, { host, name: scope });
  return place?.upstream === upstream && place.repository === repository;
}

function requestName({ name, prefix }: NamedPath, request: FastifyRequest): Parameters<UpstreamTable['resolve']>[0] {
  return { ns: queryValue(request, 'ns'), host: request.host, pathPrefix: prefix, name };
}

function refuseLoop(hops: string | string[] | undefined, instanceId: string): void {
  if (hops === undefined) return;
  const isOurs = String(hops)
    .split(',')
    .some((hop) => hop.trim() === instanceId);
  if (isOurs)
    throw new CacheError(
      'loop-detected',
      'This cache sends requests to itself: the address of one of its upstreams leads back to it. Check upstreams.',
    );
}

/**
 * Returns the error for a valid token whose scope does not include the request, and sets the challenge as a header of the reply.
 */
export function insufficientScope(
  challenge: Challenge | undefined,
  scope: string,
  request: FastifyRequest,
  reply: FastifyReply,
): CacheError {
  request.record.facts.denied = `the access token is not for ${scope}`;
  if (challenge !== undefined)
    reply.header('www-authenticate', formatChallenge(challenge, request, { scope, error: 'insufficient_scope' }));
  return new CacheError(
    'unauthenticated',
    'The scope of this access token does not include this request. Get a token with the scope of the challenge.',
  );
}
