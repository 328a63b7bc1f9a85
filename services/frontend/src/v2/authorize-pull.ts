// The repository and upstream that a request names, and whether the caller may pull it: decided once, before any handler runs.
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
 * Throws `name-unknown` or `name-invalid` for a name that no upstream has, `loop-detected`, and `denied`. A token for other
 * repositories is `unauthenticated`, with a challenge: the client can get another one.
 */
export function authorizePull(
  dependencies: V2Dependencies,
  path: NamedPath,
  request: FastifyRequest,
  reply: FastifyReply,
): AuthorizedRepository {
  const { authorize, authenticator, upstreams, instanceId, callerTokens } = dependencies;
  refuseLoop(request.headers['x-cistern-hop'], instanceId);
  const { upstream, repository, mode } = upstreams.resolve(requestName(path, request));
  const { record } = request;
  record.mode = mode;
  record.facts.upstream = upstream;
  record.facts.repository = repository;
  const { identity } = record;
  if (identity === undefined) throw new Error('the request has not been authenticated');
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
  // Names are resolved again for it, so not for a request that needs no challenge.
  const scope = () => pullScope(scopeNameOf(upstreams, path, request));
  if (decision.result === 'out-of-scope') throw insufficientScope(authenticator.challenge, scope(), request, reply);
  reply.header('x-cistern-upstream', upstream);
  const { target } = decision;
  if (target.caller !== undefined) {
    const challenge = () => formatChallenge(callerChallenge, request, { scope: scope() });
    record.verified = { challenge, hasShown: target.caller.kind !== 'anonymous' };
  }
  return target;
}

/**
 * The name that an access token for a pull must have. It is the client's own name for the repository. Where a prefix or `?ns=`
 * names the upstream, it is the full name.
 */
export function scopeNameOf(upstreams: UpstreamTable, path: NamedPath, request: FastifyRequest): string {
  const place = resolveIfKnown(upstreams, requestName(path, request));
  if (place === undefined || isScopeOf(upstreams, path.name, request.host, place)) return path.name;
  return `${place.upstream}/${place.repository}`;
}

/**
 * Whether a scope is for a repository. A name without an upstream belongs to the default upstream, or to that of this host. It
 * never belongs to one that the pull names by other means.
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
      'This cache is asked by itself: the address of one of its upstreams leads back to it.',
    );
}

/** For a token that is good, and for something else. The challenge is among the headers of the reply then. */
export function insufficientScope(
  challenge: Challenge | undefined,
  scope: string,
  request: FastifyRequest,
  reply: FastifyReply,
): CacheError {
  request.record.facts.denied = `the access token is not for ${scope}`;
  if (challenge !== undefined)
    reply.header('www-authenticate', formatChallenge(challenge, request, { scope, error: 'insufficient_scope' }));
  return new CacheError('unauthenticated', 'This access token is for something else.');
}
