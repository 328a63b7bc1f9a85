// The options of ioredis: an unavailable or hanging Redis causes fast errors, and the client reconnects automatically.
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
  // A command is never sent twice: after its first run, the second run of a claim would be rejected.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  maxLoadingRetryTime: 200,
  // The former master is a replica now, so the client reconnects to find the new one.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} satisfies RedisOptions;

/**
 * `answersWithin` enforces `commandTimeoutMs`. ioredis' own limits, which a busy process could hit, are the last
 * resort.
 */
function timeouts(commandTimeoutMs: number | undefined) {
  if (commandTimeoutMs === undefined) return {};
  return {
    commandTimeout: Math.max(5000, 10 * commandTimeoutMs),
    // A connection that waits this long for a reply is closed: waiting for TCP to notice takes minutes. Every command
    // fails immediately until the server answers on a new connection. The limit must not be shorter. A pause of the
    // whole machine closes the connection as well, and then valid commands fail.
    socketTimeout: Math.max(3000, 2 * commandTimeoutMs),
  } satisfies RedisOptions;
}

/** Returns the options for one server, at any kind of address. An unset `commandTimeoutMs` means that commands wait. */
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

/** Returns the options for one server at a known address. */
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
    // Disables retries here too: they would take up to 16 delays.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: 1000,
    // Retries stop after a while. When all nodes are given up, the cluster is looked up again by the configured names,
    // whose addresses may have changed.
    clusterNodeRetryStrategy: (attempt) => (attempt <= 5 ? reconnectAfterMs(attempt) : null),
    clusterRetryStrategy: reconnectAfterMs,
    // TLS verifies the names of nodes, so they must not be resolved here.
    dnsLookup: (host, callback) => callback(null, host),
  } satisfies ClusterOptions;
}

/**
 * Returns the delay before a reconnect. Jitter prevents the processes of a large cluster from reconnecting at the same
 * time. It is 200 ms at most: the owners of fills must reconnect before others may claim (decision 0059).
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
