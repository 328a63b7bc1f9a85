// Notices an outage of Redis by a connection that cannot be opened.
import type { Outage } from '@cistern/telemetry';
import { type RedisLog, watchIndexOutage } from '../watch-index-outage.ts';
import type { RedisClient } from './connect-redis.ts';
import { toIndexError } from '../index-error.ts';

/** An outage begins while the client cannot connect. The outage ends when the client is connected, or is closed. */
export function watchConnection(client: RedisClient, log: RedisLog): Outage {
  const outage = watchIndexOutage(log);
  client.on('error', (error: unknown) => {
    // A client that has lost its connection usually connects again at once. That is no outage.
    if (client.status !== 'ready' && client.status !== 'end') outage.failed(toIndexError(error));
  });
  client.on('ready', outage.recovered);
  client.on('end', outage.close);
  return outage;
}
