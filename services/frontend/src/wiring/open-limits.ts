// What one client may take, counted by all nodes together where they share a Redis.
import type { Config } from '@cistern/config';
import { type ClientLimits, unlimited } from '@cistern/auth';
import type { Logger } from '@cistern/telemetry';
import { type Shared, redisOf } from '@cistern/assembly';

export async function openLimits(
  config: Pick<Config, 'limits' | 'redis'>,
  { index }: Pick<Shared, 'index'>,
  log: Logger,
): Promise<ClientLimits> {
  const { requestsPerMinute, bytesPerDay } = config.limits;
  if (requestsPerMinute === undefined && bytesPerDay === undefined) return unlimited;
  const { createClientLimits } = await import('@cistern/auth/limits');
  return createClientLimits({ requestsPerMinute, bytesPerDay, shared: redisOf(config, index), log });
}
