// `WWW-Authenticate`, for the host that the client has asked.
import type { Challenge } from '@cistern/auth';
import type { FastifyRequest } from 'fastify';

export interface ChallengeScope {
  /** The repository as the client names it; absent: none. */
  readonly name?: string | undefined;
  /** Of RFC 6750, 3.1. */
  readonly error?: 'invalid_token' | 'insufficient_scope' | undefined;
}

/** Of distribution's token specification, "How to authenticate", or RFC 7617. */
export function formatChallenge(challenge: Challenge, request: FastifyRequest, scope: ChallengeScope = {}): string {
  if (challenge.scheme === 'basic') return formatBasicChallenge(challenge.realm);
  const { service, realm } = challenge;
  const { name, error } = scope;
  const parameters = {
    realm: 'url' in realm ? realm.url : `${request.protocol}://${request.host}${realm.path}`,
    service,
    ...(name !== undefined && { scope: `repository:${name}:pull` }),
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
