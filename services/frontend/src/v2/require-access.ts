// Whether who asks may have this repository; asked of every request that names one, before anything is looked up.
import type { Challenge, Wish } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { formatChallenge, pullScope } from '../hooks/format-challenge.ts';
import type { V2Dependencies } from './v2-dependencies.ts';

/**
 * `name`: the repository as the client names it. Throws `denied`, or `unauthenticated` for a token that is for other
 * repositories: then the client can get another one.
 */
export function requireAccess(
  { authorize, authenticator: { challenge } }: Pick<V2Dependencies, 'authenticator' | 'authorize'>,
  { name, ...wish }: Wish & { readonly name: string },
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const { identity, facts } = request.record;
  if (identity === undefined) throw new Error('nobody has asked who this is');
  const decision = authorize({ identity, clientIp: request.ip }, wish);
  if (!decision.isAllowed) {
    facts.denied = decision.why;
    const { reason = 'you may not pull this from this cache' } = decision;
    throw new CacheError('denied', `Denied: ${reason}.`);
  }
  if (identity.scopes === undefined || identity.scopes.includes(name)) return;
  throw insufficientScope(challenge, pullScope(name), request, reply);
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
