// Whether who asks may have this repository; asked of every request that names one, before anything is looked up. Of which
// platform a digest is is known later: that it is asked again then, by the same rules, is arranged here.
import type { Challenge, Decision, Wish } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { PlatformRule } from '@cistern/pull-through';
import type { RequestFacts } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { formatChallenge, pullScope } from '../hooks/format-challenge.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

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
  const { identity, facts } = request.record;
  if (identity === undefined) throw new Error('nobody has asked who this is');
  const asker = { identity, clientIp: request.ip };
  const decision = authorize(asker, wish);
  if (!decision.isAllowed) throw denial(decision, facts);
  if (identity.scopes !== undefined && !identity.scopes.includes(wish.name))
    throw insufficientScope(challenge, pullScope(wish.name), request, reply);
  if (!decision.dependsOnPlatform) return undefined;
  return (platforms) => {
    facts.denied = undefined;
    const decisions = platforms.map((platform) => authorize(asker, { ...wish, platform }));
    const denied = decisions.find(({ isAllowed }) => !isAllowed);
    return denied?.isAllowed === false && !decisions.some(({ isAllowed }) => isAllowed)
      ? denial(denied, facts)
      : undefined;
  };
}

function denial({ why, reason }: Extract<Decision, { isAllowed: false }>, facts: RequestFacts): CacheError {
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
