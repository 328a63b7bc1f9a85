// Whether who asks may have this repository; asked of every request that names one, before anything is looked up. Of which
// platform a digest is is known later: that it is asked again then, by the same rules, is arranged here.
import type { Asker, Authorize, Challenge, Decision, Wish } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { PlatformRule, PullPermission } from '@cistern/pull-through';
import type { RequestFacts } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { formatChallenge, pullScope } from '../hooks/format-challenge.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

type Request = Pick<FastifyRequest, 'record' | 'ip'>;

/**
 * `name`: the repository as the client names it. Throws `denied`, or `unauthenticated` for a token that is for other
 * repositories: then the client can get another one. Returns what is to be asked of platforms, if the rules tell them apart.
 */
export function requireAccess(
  { authorize, authenticator: { challenge } }: Pick<V2Dependencies, 'authenticator' | 'authorize'>,
  wish: Wish & { readonly name: string },
  request: FastifyRequest,
  reply: FastifyReply,
): PlatformRule | undefined {
  const { facts } = request.record;
  const asker = askerOf(request);
  const { scopes } = asker.identity;
  const decision = authorize(asker, wish);
  if (!decision.isAllowed) throw denial(decision, facts);
  if (scopes !== undefined && !scopes.includes(wish.name))
    throw insufficientScope(challenge, pullScope(wish.name), request, reply);
  return decision.dependsOnPlatform ? platformRule(authorize, asker, wish, facts) : undefined;
}

/**
 * The caller's permission to pull a repository at another upstream than the one it has named, by the same decision. An access
 * token has to name the repository there: by its path, or by a name without an upstream, which `ns` takes to any of them.
 */
export function permissionAt(
  { authorize }: Pick<V2Dependencies, 'authorize'>,
  wish: Pick<Wish, 'upstream' | 'repository'>,
  request: Request,
): PullPermission | undefined {
  const asker = askerOf(request);
  const { upstream, repository } = wish;
  const { scopes } = asker.identity;
  const isInScope = scopes?.some((name) => name === repository || name === `${upstream}/${repository}`) ?? true;
  const decision = authorize(asker, wish);
  if (!decision.isAllowed || !isInScope) return undefined;
  // A denial there is not this request's answer: the repository's own upstream decides then.
  return { platformRule: decision.dependsOnPlatform ? platformRule(authorize, asker, wish, {}) : undefined };
}

function askerOf({ record: { identity }, ip }: Request): Asker {
  if (identity === undefined) throw new Error('the request has not been authenticated');
  return { identity, clientIp: ip };
}

/** Denies what is of denied platforms alone. */
function platformRule(
  authorize: Authorize,
  asker: Asker,
  wish: Wish,
  facts: Pick<RequestFacts, 'denied'>,
): PlatformRule {
  return (platforms) => {
    facts.denied = undefined;
    const decisions = platforms.map((platform) => authorize(asker, { ...wish, platform }));
    const denied = decisions.find(({ isAllowed }) => !isAllowed);
    return denied?.isAllowed === false && !decisions.some(({ isAllowed }) => isAllowed)
      ? denial(denied, facts)
      : undefined;
  };
}

function denial(
  { why, reason }: Extract<Decision, { isAllowed: false }>,
  facts: Pick<RequestFacts, 'denied'>,
): CacheError {
  facts.denied = why;
  return new CacheError('denied', `Denied: ${reason ?? 'you may not pull this from this cache'}.`);
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
