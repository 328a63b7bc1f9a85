// The options of ioredis. With them commands fail fast if Redis is unavailable or hangs, and ioredis reconnects
// automatically.
import type { ClusterOptions, RedisOptions } from 'ioredis';
import {
  type ClusterRedis,
  parseRedisUrl,
  type RedisAccount,
  type RedisAddress,
  type RedisConnection,
} from '../redis-connection.ts';

/** The options of every connection, also to the nodes of a cluster. */
const everyConnection = {
  connectionName: 'cistern-index',
  disableClientInfo: true,
  connectTimeout: 2000,
  disconnectTimeout: 500,
  // A command whose reply was lost is not sent again, because some scripts are not idempotent. For example, the second
  // run of a claim would be rejected.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  maxLoadingRetryTime: 200,
  // After this error the former master is a replica, so ioredis reconnects to find the new master.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} satisfies RedisOptions;

/**
 * Returns the timeouts of ioredis. They are longer than `commandTimeoutMs`, because a busy process could exceed them
 * although Redis has replied. `answersWithin` enforces `commandTimeoutMs` itself.
 */
function timeouts(commandTimeoutMs: number | undefined) {
  if (commandTimeoutMs === undefined) return {};
  return {
    commandTimeout: Math.max(5000, 10 * commandTimeoutMs),
    // A connection that waits this long for a reply is closed, because TCP would detect the failure only after minutes.
    // Then every command fails immediately until Redis answers on a new connection. The timeout must not be shorter: a
    // pause of the whole machine also counts, and would close connections that still work.
    socketTimeout: Math.max(3000, 2 * commandTimeoutMs),
  } satisfies RedisOptions;
}

/**
 * Returns the options for one Redis server, which `connection` identifies by address, by URL or through sentinels.
 * Without `commandTimeoutMs` commands wait for a reply without a limit.
 */
export function redisOptions(connection: Exclude<RedisConnection, ClusterRedis>, commandTimeoutMs?: number) {
  switch (connection.kind) {
    case 'standalone':
      return serverOptions(connection, commandTimeoutMs);
    case 'url':
      return serverOptions(parseRedisUrl(connection), commandTimeoutMs);
    case 'sentinel': {
      const { sentinels, name, tls, sentinelUsername, sentinelPassword, ...server } = connection;
      return {
        ...serverOptions({ ...server, tls }, commandTimeoutMs),
        ...definedOptions({
          sentinelTLS: tls,
          sentinelUsername,
          sentinelPassword,
          sentinelCommandTimeout: commandTimeoutMs,
        }),
        enableTLSForSentinelMode: tls !== undefined,
        sentinels: sentinels.map((address) => ({ ...address })),
        name,
      } satisfies RedisOptions;
    }
    default:
      return connection satisfies never;
  }
}

/** Returns the options for one Redis server at a known address. */
export function serverOptions(
  server: Partial<RedisAddress> & RedisAccount & { readonly db?: number | undefined },
  commandTimeoutMs?: number,
) {
  const { host, port, db, username, password, tls } = server;
  return {
    ...everyConnection,
    ...timeouts(commandTimeoutMs),
    ...definedOptions({ host, port, db, username, password, tls }),
  } satisfies RedisOptions;
}

export function clusterOptions(connection: ClusterRedis, commandTimeoutMs?: number) {
  return {
    redisOptions: serverOptions({ ...connection }, commandTimeoutMs),
    enableOfflineQueue: false,
    // Disables ioredis' retries after a failover, because they would delay a command up to 16 times.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: 1000,
    // After five attempts ioredis no longer reconnects to a node. When it has no node left, it connects to the
    // configured nodes again, whose names may resolve to new addresses.
    clusterNodeRetryStrategy: (attempt) => (attempt <= 5 ? reconnectAfterMs(attempt) : null),
    clusterRetryStrategy: reconnectAfterMs,
    // TLS verifies the names of nodes, so they must not be resolved here.
    dnsLookup: (host, callback) => callback(null, host),
  } satisfies ClusterOptions;
}

/**
 * Returns the delay before a reconnect. Jitter prevents the processes of a large cluster from reconnecting at the same
 * time. The delay is 200 ms at most, because the owners of fills must reconnect before other workers may claim their
 * fills (decision 0059).
 */
export function reconnectAfterMs(attempt: number): number {
  return Math.min(50 * 2 ** (attempt - 1), 160) * (0.75 + Math.random() / 2);
}

/** Removes unset options, because ioredis treats `undefined` as a value in some places. */
function definedOptions<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
