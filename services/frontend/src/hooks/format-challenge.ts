// `WWW-Authenticate`, for the host that the client has asked.
import type { Challenge } from '@cistern/auth';
import type { FastifyRequest } from 'fastify';

export interface ChallengeScope {
  /** What a token would have to be for. */
  readonly scope?: string | undefined;
  /** Of RFC 6750, 3.1. */
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined;
}

/** Of distribution's token specification, "How to authenticate", or RFC 7617. */
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

/** `name`: of the repository, as the client names it. */
export function pullScope(name: string): string {
  return `repository:${name}:pull`;
}

export function formatBasicChallenge(realm: string): string {
  return `Basic realm=${quote(realm)}`;
}

function quote(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
