// A worker's client and the copies that BullMQ makes of it to block on, so that all of them can be closed at any time:
// while Redis is away, BullMQ cannot end its copies, and ioredis cannot end what waits for its next attempt to connect.
import { endsWithin } from './ends-within.ts';
import { openPatientClient, type RedisClient } from './redis-clients.ts';
import type { RedisConnection } from '@cistern/redis';

/** A host that does not answer lets an attempt to connect to it neither succeed nor end. */
const endWithinMs = 2000;
const clusterEndsWithinMs = 200;

export interface WorkingClient {
  readonly client: RedisClient;
  /** Ends the client and its copies, and whatever waits for a reply; takes two seconds at most. */
  close(): Promise<void>;
}

export function openWorkingClient(connection: RedisConnection): WorkingClient {
  const client = endable(openPatientClient(connection));
  const all = [client];
  const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient;
  Object.assign(client, {
    duplicate(...args: unknown[]): RedisClient {
      const copy = endable(duplicate(...args));
      all.push(copy);
      return copy;
    },
  });
  return {
    client,
    close: async () => void (await endsWithin(Promise.all(all.map(end)), endWithinMs)),
  };
}

/** Makes a client tell its end even if it is ended while it has no connection. */
function endable(client: RedisClient): RedisClient {
  const disconnect = client.disconnect.bind(client);
  return Object.assign(client, {
    disconnect(reconnect = false): void {
      // Between two attempts nothing can be ended: the commands that wait would wait for ever. The next one is near.
      if (!client.isCluster && client.status === 'reconnecting' && !reconnect)
        client.once('connecting', () => disconnect());
      else disconnect(reconnect);
      // A cluster ends with its last node, and without a node not at all.
      if (client.isCluster && !reconnect) emitEndWithin(client, clusterEndsWithinMs);
    },
  });
}

function emitEndWithin(client: RedisClient, ms: number): void {
  const timer = setTimeout(() => client.emit('end'), ms);
  client.once('end', () => clearTimeout(timer));
}

async function end(client: RedisClient): Promise<void> {
  if (client.status === 'end') return;
  const ended = new Promise((resolve) => client.once('end', resolve));
  client.disconnect();
  await ended;
}
