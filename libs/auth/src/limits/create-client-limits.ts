// Counts requests and bytes of clients. Nodes that share a Redis count together. While Redis does not answer, limits
// are not enforced, because a cache that rejects all clients is worse than one that is overused.
import { type QueryBriefly, createBriefQuery } from '@cistern/redis';
import { type Logger, neverDemoted } from '@cistern/telemetry';
import type { Cluster, Redis } from 'ioredis';
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

import { type Admission, admitted, type ClientLimits } from './client-limits.ts';

export interface ClientLimitsOptions {
  /** `undefined` means no limit. */
  readonly requestsPerMinute: number | undefined;
  /**
   * A client that received this number of bytes is rejected for the rest of its day. The day of a client begins with
   * its first byte. `undefined` means no limit.
   */
  readonly bytesPerDay: number | undefined;
  /**
   * Lets nodes count together; `undefined` means that this process counts alone. The caller closes the Redis client.
   */
  readonly shared: SharedCounts | undefined;
  readonly log: Pick<Logger, 'warn'>;
}

interface SharedCounts {
  readonly client: Redis | Cluster;
  readonly keyPrefix: string;
  readonly commandTimeoutMs: number;
}

const minuteSeconds = 60;
const daySeconds = 24 * 60 * 60;

export function createClientLimits(options: ClientLimitsOptions): ClientLimits {
  const { requestsPerMinute, bytesPerDay, shared } = options;
  const log = neverDemoted(options.log);
  const counterOf = (name: string, points: number | undefined, duration: number): RateLimiterAbstract | undefined => {
    if (points === undefined) return undefined;
    if (shared === undefined) return new RateLimiterMemory({ keyPrefix: name, points, duration });
    const keyPrefix = `${shared.keyPrefix}limit:${name}`;
    // Rejects further requests beyond the limit without a query to Redis.
    const blocks = { inMemoryBlockOnConsumed: points + 1 };
    return new RateLimiterRedis({ storeClient: shared.client, keyPrefix, points, duration, ...blocks });
  };
  const requests = counterOf('requests', requestsPerMinute, minuteSeconds);
  const bytes = counterOf('bytes', bytesPerDay, daySeconds);
  const onFailure = (error: unknown) => log.warn({ err: error }, 'failed to count client usage, limits not enforced');
  const query: QueryBriefly =
    shared === undefined
      ? async (question) => question()
      : createBriefQuery({ commandTimeoutMs: shared.commandTimeoutMs, onFailure });

  async function countRequest(client: string): Promise<Admission> {
    const beyond = requests && (await query(() => requests.consume(client).then(() => undefined, beyondLimit)));
    return beyond === undefined ? admitted : refused('requests', beyond);
  }

  async function checkBytes(client: string): Promise<Admission> {
    const counted = bytes && (await query(() => bytes.get(client)));
    return counted && counted.consumedPoints >= bytes.points ? refused('bytes', counted) : admitted;
  }

  return {
    async admit(client) {
      const [byRequests, byBytes] = await Promise.all([countRequest(client), checkBytes(client)]);
      return byRequests.isAdmitted ? byBytes : byRequests;
    },
    takeBack(client) {
      if (requests !== undefined) void query(() => requests.reward(client, 1));
    },
    note(client, count) {
      if (bytes !== undefined && count > 0) void query(() => bytes.penalty(client, count));
    },
  };
}

/**
 * Returns `answer` if it is the result for a client beyond its limit; otherwise throws it. rate-limiter-flexible
 * rejects with such results and with errors.
 */
function beyondLimit(answer: unknown): RateLimiterRes {
  if (answer instanceof RateLimiterRes) return answer;
  throw answer;
}

function refused(limit: 'requests' | 'bytes', { msBeforeNext }: RateLimiterRes): Admission {
  return { isAdmitted: false, limit, retryAfterMs: Math.max(msBeforeNext, 1000) };
}
