// Enforces the limits of clients: by user if the user is authenticated, else by address (in IPv6 by network). A request that
// fails to authenticate has no user, so it counts for its address.
import { networkOf, type ClientLimits } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { LimitMetrics } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface LimitDependencies {
  readonly limits: ClientLimits;
  /** Returns true if the client with this address is exempt from the limits. */
  readonly isUnlimited: (clientIp: string) => boolean;
  readonly metrics: LimitMetrics;
}

const messages = {
  requests: 'This client has exceeded its requests per minute. Try again later.',
  bytes: 'This client has exceeded its bytes per day. Try again later.',
} as const;

/** Counts a request whose identity is known. Rejects with `client-rate-limited` if a limit is exceeded. */
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

/** Returns functions that count a request whose identity is not known yet. */
export function countAddress(dependencies: LimitDependencies, request: FastifyRequest) {
  const { limits, isUnlimited } = dependencies;
  let isCounted = false;
  return {
    /**
     * Counts the request for its address. Further calls do nothing. Rejects with `client-rate-limited` if a limit is exceeded.
     */
    async count(): Promise<void> {
      if (isCounted || isUnlimited(request.ip)) return;
      isCounted = true;
      await admit(dependencies, request, addressOf(request));
    },
    /** Reverts the count. Called after the request is authenticated, because `limitClient` then counts it. */
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
