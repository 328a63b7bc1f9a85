// The Redis client of workers, which wait for Redis. Frontends must not wait, so they use the client of the index.
import { Cluster, Redis } from 'ioredis';
import type { RedisConnection } from '@cistern/redis';
import { clusterOptions, reconnectAfterMs, type RedisClient, redisOptions } from '@cistern/redis/client';
import { endsWithin } from '@cistern/runtime';

export type { RedisClient } from '@cistern/redis/client';

/** How long the end of a client may take: an attempt to connect to a silent host neither succeeds nor ends. */
const endWithinMs = 2000;
const clusterEndsWithinMs = 200;

const waitingOptions = {
  connectionName: 'cistern-jobs',
  maxRetriesPerRequest: null,
  autoResendUnfulfilledCommands: true,
  connectTimeout: 5000,
  socketTimeout: 15_000,
};

/**
 * Opens a client that waits for Redis without a limit, as BullMQ requires for its workers. A server that does not
 * answer a command for 15 s counts as unavailable. That is longer than any blocking command.
 */
export function openWaitingClient(connection: RedisConnection): RedisClient {
  if (connection.kind === 'cluster') {
    const options = clusterOptions(connection);
    return new Cluster([...connection.nodes], {
      ...options,
      enableOfflineQueue: true,
      // The delay of each of 16 retries. The first one delays closing, too.
      retryDelayOnFailover: 250,
      retryDelayOnClusterDown: 250,
      redisOptions: { ...options.redisOptions, ...waitingOptions },
    });
  }
  return new Redis({
    ...redisOptions(connection),
    ...waitingOptions,
    retryStrategy: reconnectAfterMs,
    // After a failover the old master may still answer, as a replica, so the client reconnects. In a cluster the
    // command would go to the same replica without end, so it fails there.
    reconnectOnError: (error: Error): 2 | false => (error.message.startsWith('READONLY') ? 2 : false),
  });
}

/** Resolves when the client is connected to Redis, or after that time. */
export async function untilReady(client: RedisClient, withinMs: number): Promise<void> {
  await endsWithin(client instanceof Cluster ? untilNodesReady(client) : untilOneReady(client), withinMs);
}

/** A cluster connects to a node with the first command for it. Until then it may reject further commands. */
async function untilNodesReady(client: Cluster): Promise<void> {
  await untilOneReady(client);
  await Promise.all(client.nodes('master').map(async (node) => node.ping()));
}

async function untilOneReady(client: RedisClient): Promise<void> {
  if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
}

/**
 * Opens a worker's client and tracks the blocking copies that BullMQ makes of it, so that all can be closed at any
 * time. While Redis is down, BullMQ cannot end its copies. Nor can ioredis end a client that waits for its next attempt
 * to connect.
 */
export function openWorkingClient(connection: RedisConnection) {
  const client = endable(openWaitingClient(connection));
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
    /** Ends the client, its copies and all commands that wait for a reply. It takes two seconds at most. */
    close: async (): Promise<void> => void (await endsWithin(Promise.all(all.map(end)), endWithinMs)),
  };
}

/** Makes a client emit `end` even if it is ended without a connection. */
function endable(client: RedisClient): RedisClient {
  const disconnect = client.disconnect.bind(client);
  return Object.assign(client, {
    disconnect(reconnect = false): void {
      // A client cannot end between two attempts: its waiting commands would wait for ever. So it ends with the next
      // attempt, which is soon.
      if (!client.isCluster && client.status === 'reconnecting' && !reconnect)
        client.once('connecting', () => disconnect());
      else disconnect(reconnect);
      // A cluster ends with its last node. Without a node it never ends.
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
