// The client of workers, which must wait for Redis. That of frontends, which must not, is the index's kind.
import { Cluster, Redis } from 'ioredis';
import type { RedisConnection } from '@cistern/redis';
import { clusterOptions, reconnectAfterMs, type RedisClient, redisOptions } from '@cistern/redis/client';
import { endsWithin } from '@cistern/runtime';

export type { RedisClient } from '@cistern/redis/client';

/** A host that does not answer lets an attempt to connect to it neither succeed nor end. */
const endWithinMs = 2000;
const clusterEndsWithinMs = 200;

const patience = {
  connectionName: 'cistern-jobs',
  maxRetriesPerRequest: null,
  autoResendUnfulfilledCommands: true,
  connectTimeout: 5000,
  socketTimeout: 15_000,
};

/**
 * Waits for Redis for as long as it takes, as BullMQ demands of its workers. A server that says nothing to a command for
 * 15 s, longer than any that blocks, is taken for gone.
 */
export function openPatientClient(connection: RedisConnection): RedisClient {
  if (connection.kind === 'cluster') {
    const options = clusterOptions(connection);
    return new Cluster([...connection.nodes], {
      ...options,
      enableOfflineQueue: true,
      // Of 16 retries; the first holds up closing, too.
      retryDelayOnFailover: 250,
      retryDelayOnClusterDown: 250,
      redisOptions: { ...options.redisOptions, ...patience },
    });
  }
  return new Redis({
    ...redisOptions(connection),
    ...patience,
    retryStrategy: reconnectAfterMs,
    // After a fail-over the old master may still answer, as a replica. In a cluster the same replica would be asked again,
    // without end: there the command fails.
    reconnectOnError: (error: Error): 2 | false => (error.message.startsWith('READONLY') ? 2 : false),
  });
}

/** Resolves when the client has reached Redis, or after that time. */
export async function untilReady(client: RedisClient, withinMs: number): Promise<void> {
  await endsWithin(client instanceof Cluster ? untilNodesReady(client) : untilOneReady(client), withinMs);
}

/** A cluster connects to a node with the first command for it, and may refuse further ones until it has. */
async function untilNodesReady(client: Cluster): Promise<void> {
  await untilOneReady(client);
  await Promise.all(client.nodes('master').map(async (node) => node.ping()));
}

async function untilOneReady(client: RedisClient): Promise<void> {
  if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
}

/**
 * A worker's client and the copies that BullMQ makes of it to block on, so that all of them can be closed at any time. While
 * Redis is down, BullMQ cannot end its copies. Nor can ioredis end one that waits for its next attempt to connect.
 */
export function openWorkingClient(connection: RedisConnection) {
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
    /** Ends the client and its copies, and all that waits for a reply; takes two seconds at most. */
    close: async (): Promise<void> => void (await endsWithin(Promise.all(all.map(end)), endWithinMs)),
  };
}

/** Makes a client emit its end even if it is ended while it has no connection. */
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
