// Opens the connection of the index to Redis, or one to each node of a cluster. Also opens connections for
// announcements.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import type { Outage } from '@cistern/telemetry';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisConnection } from '../redis-connection.ts';
import { clusterOptions, reconnectAfterMs, redisOptions, serverOptions } from './client-options.ts';
import type { RedisLog } from '../watch-index-outage.ts';
import { createThrottledWarning, reasonOf } from '../index-error.ts';
import { watchConnection } from './watch-connection.ts';

export type RedisClient = Redis | Cluster;

/** How long to wait for Redis, which may be starting at the same time as this process. */
const openTimeoutMs = 5000;
/**
 * How often the map of hash slots to the nodes of a cluster is refreshed. A command to the wrong node reports a change
 * sooner.
 */
const refreshSlotsEveryMs = 5000;
/** Errors that do not disappear with time. */
const permanentErrors = /^(?:WRONGPASS|NOAUTH|NOPERM)|cluster support disabled/;

function isPermanent(error: unknown): boolean {
  return error instanceof Error && permanentErrors.test(error.message);
}

type Scripts = Readonly<Record<string, { readonly lua: string }>>;

export interface ConnectOptions {
  readonly commandTimeoutMs: number;
  readonly scripts: Scripts;
  readonly log: RedisLog;
  /**
   * True if `connectRedis` also resolves while Redis is unavailable. The client then connects when Redis becomes
   * available.
   */
  readonly mayBeUnavailable: boolean;
}

export interface Connected {
  /** The client. The caller closes `outage`, then disconnects it. */
  readonly client: RedisClient;
  /**
   * The error `index-unavailable` with the reason why Redis is unavailable. `undefined` means that the client is
   * connected.
   */
  readonly absence: CacheError | undefined;
  /** Takes the errors of calls that failed without a connection. The caller closes it. */
  readonly outage: Outage;
}

/** Resolves when Redis answers. Rejects with `index-unavailable`, whose message contains the reason. */
export async function connectRedis(connection: RedisConnection, options: ConnectOptions): Promise<Connected> {
  const { commandTimeoutMs, scripts, log, mayBeUnavailable } = options;
  const client = createRedisClient(connection, { commandTimeoutMs, scripts });
  client.on('node error', createThrottledWarning(log, 'Redis connection failed'));
  let absence: CacheError | undefined;
  try {
    await untilReady(client);
  } catch (error) {
    const message = `The index in Redis cannot be opened: ${reasonOf(error)}.`;
    absence = new CacheError('index-unavailable', message, { retryable: true, cause: error });
    if (!mayBeUnavailable || isPermanent(error)) {
      await disconnectRedis(client);
      throw absence;
    }
  }
  const outage = watchConnection(client, log);
  if (absence !== undefined) outage.failed(absence);
  if (client instanceof Cluster) keepSlotsRefreshed(client);
  return { client, absence, outage };
}

/** Disconnects a client. Resolves when its connections are closed. */
export async function disconnectRedis(client: RedisClient): Promise<void> {
  const { status } = client;
  if (status === 'end') return;
  const waiting = new AbortController();
  const ended = Promise.race([once(client, 'end', waiting), delay(1000, undefined, waiting)]);
  client.disconnect();
  // A client that waits to reconnect has no connection to close and emits no event.
  if (status !== 'reconnecting') await ended.catch(() => {});
  ended.catch(() => {});
  waiting.abort();
}

/**
 * Creates a client that connects automatically. Its commands fail while it has no connection. The caller disconnects
 * it.
 */
export function createRedisClient(
  connection: RedisConnection,
  { commandTimeoutMs, scripts = {} }: { readonly commandTimeoutMs: number; readonly scripts?: Scripts },
): RedisClient {
  if (connection.kind === 'cluster')
    return new Cluster([...connection.nodes], { ...clusterOptions(connection, commandTimeoutMs), scripts });
  const options = redisOptions(connection, commandTimeoutMs);
  return new Redis({ ...options, scripts, enableOfflineQueue: false, retryStrategy: reconnectAfterMs });
}

async function untilReady(client: RedisClient): Promise<void> {
  let lastError: unknown = new Error(`no answer within ${openTimeoutMs} ms`);
  const ready = Promise.withResolvers<void>();
  const timer = setTimeout(() => ready.reject(lastError), openTimeoutMs);
  function onError(error: Error): void {
    // If no node of a cluster is usable, the error of the last node is the reason.
    const ofNode = 'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError : undefined;
    lastError = ofNode === undefined || ofNode.message === 'Connection is closed.' ? error : ofNode;
    if (isPermanent(lastError)) ready.reject(lastError);
  }
  client.on('error', onError).once('ready', ready.resolve);
  try {
    await ready.promise;
  } finally {
    clearTimeout(timer);
    client.off('error', onError).off('ready', ready.resolve);
  }
}

// The option of ioredis for this is not used: if the cluster is disconnected at the wrong moment, ioredis starts its
// timer again.
function keepSlotsRefreshed(cluster: Cluster): void {
  const timer = setInterval(() => cluster.refreshSlotsCache(), refreshSlotsEveryMs).unref();
  cluster.once('end', () => clearInterval(timer));
}

/** A connection for announcements does not reconnect. When it has ended, the subscriber opens a new one. */
const oneTimeOptions = {
  connectionName: 'cistern-announcements',
  lazyConnect: true,
  retryStrategy: null,
  sentinelRetryStrategy: () => null,
} satisfies RedisOptions;

export interface SubscriberConnectors {
  /**
   * Returns the node to connect to first, as `host:port`. The text is empty without a cluster, because the connection
   * then contains the address.
   */
  anyNode(): string;
  /** Creates a connection that is not open yet. */
  connect(node: string): Redis;
}

/** Returns the connectors of a subscriber. `client` knows the nodes of a cluster. */
export function subscriberConnectors(
  connection: RedisConnection,
  { client, commandTimeoutMs }: { readonly client: RedisClient; readonly commandTimeoutMs: number },
): SubscriberConnectors {
  if (connection.kind !== 'cluster') {
    const options = { ...redisOptions(connection, commandTimeoutMs), ...oneTimeOptions };
    return { anyNode: () => '', connect: () => new Redis(options) };
  }
  return {
    anyNode: () => randomNode(client) ?? connection.nodes.map(({ host, port }) => `${host}:${port}`)[0] ?? '',
    connect(node) {
      const colon = node.lastIndexOf(':');
      const address = { host: node.slice(0, colon), port: Number(node.slice(colon + 1)) };
      return new Redis({ ...serverOptions({ ...connection, ...address }, commandTimeoutMs), ...oneTimeOptions });
    },
  };
}

/** Returns a random node, if possible a connected one. */
function randomNode(client: RedisClient): string | undefined {
  const nodes = client instanceof Cluster ? client.nodes('master') : [];
  const ready = nodes.filter(({ status }) => status === 'ready');
  const choice = ready.length > 0 ? ready : nodes;
  const { host, port } = choice[Math.floor(Math.random() * choice.length)]?.options ?? {};
  return host === undefined || port === undefined ? undefined : `${host}:${port}`;
}
