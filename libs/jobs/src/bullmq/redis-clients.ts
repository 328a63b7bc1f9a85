// The ioredis client of workers, which wait for an unavailable Redis. Frontends must not wait, so they use the same
// client options as the index.
import { Cluster, Redis } from 'ioredis';
import type { RedisConnection } from '@cistern/redis';
import { clusterOptions, reconnectAfterMs, type RedisClient, redisOptions } from '@cistern/redis/client';
import { endsWithin } from '@cistern/runtime';

export type { RedisClient } from '@cistern/redis/client';

/** How long closing a client may take. It is limited because an attempt to connect to a silent host does not end. */
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
 * Opens a client whose commands wait for Redis without a limit, as BullMQ requires for its workers. If Redis does not
 * reply to a command for 15 s, the connection is closed. No blocking command takes so long.
 */
export function openWaitingClient(connection: RedisConnection): RedisClient {
  if (connection.kind === 'cluster') {
    const options = clusterOptions(connection);
    return new Cluster([...connection.nodes], {
      ...options,
      enableOfflineQueue: true,
      // The delay before each of 16 retries. The first option also delays the closing of the client.
      retryDelayOnFailover: 250,
      retryDelayOnClusterDown: 250,
      redisOptions: { ...options.redisOptions, ...waitingOptions },
    });
  }
  return new Redis({
    ...redisOptions(connection),
    ...waitingOptions,
    retryStrategy: reconnectAfterMs,
    // After a failover the old master may still answer as a replica, so ioredis reconnects and sends the command again.
    // In a cluster the command would go to the same replica for ever, so it fails there.
    reconnectOnError: (error: Error): 2 | false => (error.message.startsWith('READONLY') ? 2 : false),
  });
}

/** Resolves when the client is connected to Redis, or after `withinMs`. */
export async function untilReady(client: RedisClient, withinMs: number): Promise<void> {
  await endsWithin(client instanceof Cluster ? untilNodesReady(client) : untilOneReady(client), withinMs);
}

/**
 * A Cluster client connects to a node with the first command for it. Until then it may reject further commands for the
 * node.
 */
async function untilNodesReady(client: Cluster): Promise<void> {
  await untilOneReady(client);
  await Promise.all(client.nodes('master').map(async (node) => node.ping()));
}

async function untilOneReady(client: RedisClient): Promise<void> {
  if (client.status !== 'ready') await new Promise((resolve) => client.once('ready', resolve));
}

/**
 * Opens a worker's client and tracks the blocking copies that BullMQ makes of it, so that all can be closed at any
 * time. While Redis is unavailable, BullMQ cannot close its copies. ioredis cannot close a client that waits for its
 * next attempt to connect either.
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
    /** Closes the client and its copies, and ends all commands that wait for a reply. It takes two seconds at most. */
    close: async (): Promise<void> => void (await endsWithin(Promise.all(all.map(end)), endWithinMs)),
  };
}

/** Makes a client emit `end` even if it is closed without a connection. */
function endable(client: RedisClient): RedisClient {
  const disconnect = client.disconnect.bind(client);
  return Object.assign(client, {
    disconnect(reconnect = false): void {
      // A client must not be closed between two attempts to connect, because its waiting commands would wait for ever.
      // So it is closed at the next attempt, which is soon.
      if (!client.isCluster && client.status === 'reconnecting' && !reconnect)
        client.once('connecting', () => disconnect());
      else disconnect(reconnect);
      // A Cluster client emits `end` when its last node is disconnected, so without a node it would never emit it.
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
