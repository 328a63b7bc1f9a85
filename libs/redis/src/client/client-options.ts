// How ioredis has to behave so that a Redis that hangs or is gone is a fast error, and comes back by itself.
import type { ClusterOptions, RedisOptions } from 'ioredis';
import {
  type ClusterRedis,
  parseRedisUrl,
  type RedisAccount,
  type RedisAddress,
  type RedisConnection,
} from '../redis-connection.ts';

/** The least that a node of a cluster needs; the rest is the cluster's. */
const everyConnection = {
  connectionName: 'cistern-index',
  disableClientInfo: true,
  connectTimeout: 2000,
  disconnectTimeout: 500,
  // A command that was sent is never sent again: a claim that is repeated is refused by its own first run.
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  maxLoadingRetryTime: 200,
  // What was the master is a replica now: ask again who is.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
} satisfies RedisOptions;

/** `answersWithin` keeps `commandTimeoutMs`. ioredis' own limits, which a busy process trips over, are the last resort. */
function timeouts(commandTimeoutMs: number | undefined) {
  if (commandTimeoutMs === undefined) return {};
  return {
    commandTimeout: Math.max(5000, 10 * commandTimeoutMs),
    // A connection that owes an answer for so long is cut. Until the server answers a new one every command on it fails at
    // once; waiting for TCP to notice takes minutes. No shorter: it is cut as well when the whole machine stood still, and
    // then every command fails that had nothing wrong with it.
    socketTimeout: Math.max(3000, 2 * commandTimeoutMs),
  } satisfies RedisOptions;
}

/** Of one server, wherever the connection finds it. `commandTimeoutMs`: unset means that commands wait. */
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
        ...given({ sentinelTLS: tls, sentinelUsername, sentinelPassword, sentinelCommandTimeout: commandTimeoutMs }),
        enableTLSForSentinelMode: tls !== undefined,
        sentinels: sentinels.map((address) => ({ ...address })),
        name,
      } satisfies RedisOptions;
    }
    default:
      return connection satisfies never;
  }
}

/** Of one server at a known address. */
export function serverOptions(
  server: Partial<RedisAddress> & RedisAccount & { readonly db?: number | undefined },
  commandTimeoutMs?: number,
) {
  const { host, port, db, username, password, tls } = server;
  return {
    ...everyConnection,
    ...timeouts(commandTimeoutMs),
    ...given({ host, port, db, username, password, tls }),
  } satisfies RedisOptions;
}

export function clusterOptions(connection: ClusterRedis, commandTimeoutMs?: number) {
  return {
    redisOptions: serverOptions({ ...connection }, commandTimeoutMs),
    enableOfflineQueue: false,
    // No retries here either: they would take up to 16 delays.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: 1000,
    // Only for a while: when every node has been given up, the cluster is looked for anew by the configured names, whose
    // addresses may have changed.
    clusterNodeRetryStrategy: (attempt) => (attempt <= 5 ? reconnectAfterMs(attempt) : null),
    clusterRetryStrategy: reconnectAfterMs,
    // TLS checks the names of nodes, so they must stay names.
    dnsLookup: (host, callback) => callback(null, host),
  } satisfies ClusterOptions;
}

/**
 * With jitter, so that a large cluster's processes do not come back all at once. 200 ms at most: the owners of fills have to be
 * back before others may claim (decision 0059).
 */
export function reconnectAfterMs(attempt: number): number {
  return Math.min(50 * 2 ** (attempt - 1), 160) * (0.75 + Math.random() / 2);
}

/** ioredis takes `undefined` for a value in some places. */
function given<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}
