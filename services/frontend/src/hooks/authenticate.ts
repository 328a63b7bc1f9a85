// Who a request comes from, found out before anything of it is answered.
import type { Authentication, Authenticator } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { AuthenticationMetrics } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface AuthenticateDependencies {
  readonly authenticator: Authenticator;
  readonly metrics: AuthenticationMetrics;
}

/** Sets the record's identity, or throws `unauthenticated` with the challenge among the headers of the reply. */
export async function authenticate(
  { authenticator, metrics }: AuthenticateDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const shown = { authorization: request.headers.authorization, clientIp: request.ip };
  const found = await authenticator.authenticate(shown).catch((error: unknown) => {
    metrics.authentications.inc({ method: 'other', result: 'failed' });
    throw error;
  });
  const method = found.result === 'accepted' ? found.identity.method : found.method;
  metrics.authentications.inc({ method, result: found.result });
  if (found.result !== 'accepted') return refuse(authenticator, found, reply);
  request.record.identity = found.identity;
  if (method !== 'anonymous') request.record.facts.user = found.identity.name;
}

function refuse(
  { challenge }: Authenticator,
  found: Exclude<Authentication, { readonly result: 'accepted' }>,
  reply: FastifyReply,
): never {
  if (found.result === 'locked-out')
    throw new CacheError(
      'client-rate-limited',
      'Too many wrong passwords for this user from this address; wait some minutes.',
      { retryAfterMs: found.retryAfterMs },
    );
  if (challenge !== undefined) reply.header('www-authenticate', challenge);
  throw new CacheError('unauthenticated', found.message);
}
