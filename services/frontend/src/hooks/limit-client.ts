// Holds clients to their share: by user where users log in, else by address (of IPv6 by network). A request that is refused has
// no user, and counts for its address.
import { networkOf, type ClientLimits } from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import type { LimitMetrics } from '@cistern/telemetry';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface LimitDependencies {
  readonly limits: ClientLimits;
  /** Clients with these addresses are held to none. */
  readonly isUnlimited: (clientIp: string) => boolean;
  readonly metrics: LimitMetrics;
}

const words = {
  requests: 'You have sent more requests than a client may in a minute.',
  bytes: 'You have been sent as much as a client may in a day.',
} as const;

/** After the request's identity is known. Throws `client-rate-limited`. */
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

/** For a request whose identity is not known yet. */
export function countAddress(dependencies: LimitDependencies, request: FastifyRequest) {
  const { limits, isUnlimited } = dependencies;
  let isCounted = false;
  return {
    /** Throws `client-rate-limited`. Counts once, however often it is called. */
    async count(): Promise<void> {
      if (isCounted || isUnlimited(request.ip)) return;
      isCounted = true;
      await admit(dependencies, request, addressOf(request));
    },
    /** The request turned out to be a user's. */
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
  facts.denied = `more ${admission.limit} than one client may`;
  throw new CacheError('client-rate-limited', words[admission.limit], { retryAfterMs: admission.retryAfterMs });
}
