// Enforces the limits of clients: by user for authenticated users, else by address (in IPv6 by network). A refused request has no
// user, so it counts for its address.
import { networkOf, type ClientLimits } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { LimitMetrics } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface LimitDependencies {
  readonly limits: ClientLimits;
  /** Whether the client with this address is exempt from the limits. */
  readonly isUnlimited: (clientIp: string) => boolean;
  readonly metrics: LimitMetrics;
}

const messages = {
  requests: 'This client has exceeded its requests per minute. Try again later.',
  bytes: 'This client has exceeded its bytes per day. Try again later.',
} as const;

/** Counts a request whose identity is known. Rejects with `client-rate-limited`. */
export async function limitClient(
  dependencies: LimitDependencies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  if (dependencies.isUnlimited(request.ip)) return;
  const { facts } = request.record;
  const client = facts.user === undefined ? addressOf(request) : `user ${facts.user}`;
  await admit(dependencies, request, client);
  reply.raw.once('close', () => dependencies.limits.note(client, facts.bytesSent));
}

/** Counts a request whose identity is not known yet. */
export function countAddress(dependencies: LimitDependencies, request: FastifyRequest) {
  const { limits, isUnlimited } = dependencies;
  let isCounted = false;
  return {
    /** Counts once, however often it is called. Rejects with `client-rate-limited`. */
    async count(): Promise<void> {
      if (isCounted || isUnlimited(request.ip)) return;
      isCounted = true;
      await admit(dependencies, request, addressOf(request));
    },
    /** Reverts the count, since the request is from an authenticated user. */
    takeBack(): void {
      if (isCounted) limits.takeBack(addressOf(request));
    },
  };
}

function addressOf({ ip }: FastifyRequest): string {
  return `address ${networkOf(ip)}`;
}

async function admit(
  { limits, metrics }: LimitDependencies,
  { record: { facts } }: FastifyRequest,
  client: string,
): Promise<void> {
  const admission = await limits.admit(client);
  if (admission.isAdmitted) return;
  metrics.limited.inc({ limit: admission.limit });
  facts.denied = `limit of ${admission.limit} exceeded`;
  throw new CacheError('client-rate-limited', messages[admission.limit], { retryAfterMs: admission.retryAfterMs });
}
