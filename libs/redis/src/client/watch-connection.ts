// Notices an outage of Redis by a connection that cannot be opened.
import type { Outage } from '@cistern/telemetry';
import { type RedisLog, watchIndexOutage } from '../watch-index-outage.ts';
import type { RedisClient } from './connect-redis.ts';
import { toIndexError } from '../index-error.ts';

/**
 * An outage begins while the client cannot connect, and ends when it is connected. The caller closes the result before it
 * disconnects the client, because a client without a connection emits no `end`.
 */
export function watchConnection(client: RedisClient, log: RedisLog): Outage {
  const outage = watchIndexOutage(log);
  client.on('error', (error: unknown) => {
    // A client that has lost its connection usually connects again at once. That is no outage.
    if (client.status !== 'ready' && client.status !== 'end') outage.failed(toIndexError(error));
  });
  client.on('ready', outage.recovered);
  return outage;
}
