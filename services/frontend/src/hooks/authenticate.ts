// Authenticates a request before any response, and builds the challenge for a request without valid credentials.
import {
  type Accepted,
  type Authentication,
  type AuthenticationRequest,
  type Authenticator,
  type Challenge,
  type Identity,
  userName,
} from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { AuthenticationMetrics } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { countAddress, type LimitDependencies } from './limit-client.ts';

export interface AuthenticateDependencies extends LimitDependencies {
  readonly authenticator: Authenticator;
  readonly metrics: AuthenticationMetrics & LimitDependencies['metrics'];
}

/**
 * Authenticates a request, and sets the identity in its record. Returns `undefined` if all clients have the same identity, so
 * that nothing has to be checked. If authentication fails, it rejects with `unauthenticated` and sets the challenge as a header
 * of the reply. `scope` returns the scope that a token needs.
 */
export function authenticate(
  dependencies: AuthenticateDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
  scope?: () => string | undefined,
): Promise<Identity> | undefined {
  const { challenge, acceptedForAll } = dependencies.authenticator;
  if (acceptedForAll !== undefined) {
    admit(dependencies, request, acceptedForAll);
    return undefined;
  }
  return identify(dependencies, request, request.headers.authorization, (error) => {
    if (challenge !== undefined)
      reply.header('www-authenticate', formatChallenge(challenge, request, { scope: scope?.(), error }));
  });
}

/**
 * Like `authenticate`, for credentials from any part of the request. `challenge` sets the challenge of a rejected request. A
 * rejected request counts for its address. A request with a password counts before the check, so that no password is checked if
 * the limit is exceeded.
 */
export async function identify(
  dependencies: AuthenticateDependencies,
  request: FastifyRequest,
  authorization: AuthenticationRequest['authorization'],
  challenge: (error: 'invalid_token' | undefined) => void,
): Promise<Identity> {
  const { authenticator, metrics } = dependencies;
  const address = countAddress(dependencies, request);
  let found: Authentication;
  try {
    found = await authenticator.authenticate({ authorization, clientIp: request.ip, beforeCheck: address.count });
  } catch (error) {
    metrics.authentications.inc({ method: 'other', result: 'failed' });
    await address.count();
    throw error;
  }
  if (found.result === 'accepted') {
    address.takeBack();
    return admit(dependencies, request, found);
  }
  const { facts } = request.record;
  const { method, result } = found;
  metrics.authentications.inc({ method, result });
  await address.count();
  if (found.result === 'locked-out') {
    facts.denied = 'too many wrong passwords';
    throw lockedOut(found);
  }
  facts.denied = found.why;
  challenge(method === 'token' ? 'invalid_token' : undefined);
  throw new CacheError('unauthenticated', found.message);
}

function admit(
  { metrics }: Pick<AuthenticateDependencies, 'metrics'>,
  { record }: FastifyRequest,
  { method, result, identity }: Accepted,
): Identity {
  metrics.authentications.inc({ method, result });
  record.identity = identity;
  // `user` is unset for an empty name, because registry:2's access log then has a dash.
  record.facts.user = identity.method === 'anonymous' || identity.name === '' ? undefined : userName(identity);
  record.facts.labels = identity.labels;
  return identity;
}

function lockedOut({ retryAfterMs }: Extract<Authentication, { readonly result: 'locked-out' }>): CacheError {
  const minutes = Math.ceil(retryAfterMs / 60_000);
  const message = `Too many wrong passwords from your network. New passwords are checked again in ${minutes} min.`;
  return new CacheError('client-rate-limited', message, { retryAfterMs });
}

interface ChallengeScope {
  /** The scope that a token needs. */
  readonly scope?: string | undefined;
  /** The error code of RFC 6750, 3.1. */
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined;
}

/**
 * Formats the value of `WWW-Authenticate` for the host of the request. The format is that of distribution's token specification,
 * "How to authenticate", or of RFC 7617.
 */
export function formatChallenge(challenge: Challenge, request: FastifyRequest, wanted: ChallengeScope = {}): string {
  if (challenge.scheme === 'basic') return formatBasicChallenge(challenge.realm);
  const { service, realm } = challenge;
  const { scope, error } = wanted;
  const parameters = {
    realm: 'url' in realm ? realm.url : `${request.protocol}://${request.host}${realm.path}`,
    service,
    ...(scope !== undefined && { scope }),
    ...(error !== undefined && { error }),
  };
  const pairs = Object.entries(parameters).map(([key, value]) => `${key}=${quote(value)}`);
  return `Bearer ${pairs.join(',')}`;
}

export function formatBasicChallenge(realm: string): string {
  return `Basic realm=${quote(realm)}`;
}

function quote(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
