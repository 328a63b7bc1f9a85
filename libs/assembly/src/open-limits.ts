// What one client may take, counted by all nodes together where they share a Redis.
import type { Config } from '@cistern/config';
import { type ClientLimits, createClientLimits, unlimited } from '@cistern/limits';
import type { Logger } from '@cistern/telemetry';
import type { Shared } from './open-shared.ts';

export function openLimits(
  { limits, redis }: Pick<Config, 'limits' | 'redis'>,
  { index }: Pick<Shared, 'index'>,
  log: Logger,
): ClientLimits {
  const { requestsPerMinute, bytesPerDay } = limits;
  if (requestsPerMinute === undefined && bytesPerDay === undefined) return unlimited;
  const shared = 'client' in index && redis ? { client: index.client, keyPrefix: redis.keyPrefix } : undefined;
  return createClientLimits({ requestsPerMinute, bytesPerDay, shared, log });
}
