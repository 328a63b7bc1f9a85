// Holds clients to their share: by user where users log in, else by address (of IPv6 by network).
import { networkOf } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { ClientLimits } from '@cistern/limits';
import type { LimitMetrics } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface LimitDependencies {
  readonly limits: ClientLimits;
  readonly metrics: LimitMetrics;
}

const words = {
  requests: 'You have sent more requests than a client may in a minute.',
  bytes: 'You have been sent as much as a client may in a day.',
} as const;

/** After the request's identity is known. Throws `client-rate-limited`. */
export async function limitClient(
  { limits, metrics }: LimitDependencies,
  { ip, record }: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { facts } = record;
  const client = facts.user === undefined ? `address ${networkOf(ip)}` : `user ${facts.user}`;
  const admission = await limits.admit(client);
  if (!admission.isAdmitted) {
    metrics.limited.inc({ limit: admission.limit });
    facts.denied = `more ${admission.limit} than one client may`;
    throw new CacheError('client-rate-limited', words[admission.limit], { retryAfterMs: admission.retryAfterMs });
  }
  reply.raw.once('close', () => limits.note(client, facts.bytesSent));
}
