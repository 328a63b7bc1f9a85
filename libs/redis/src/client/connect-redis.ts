// The connection, or in a cluster the connections, that the index asks on, and connections for announcements.
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import type { RedisConnection } from '../redis-connection.ts';
import { clusterOptions, reconnectAfterMs, redisOptions, serverOptions } from './client-options.ts';
import { createSeldomWarning, reasonOf, type RedisLog } from './index-error.ts';

export type RedisClient = Redis | Cluster;

/** A server that starts together with this process may need so long. */
const openTimeoutMs = 5000;
/** How often a cluster is asked which node has which slots; commands that are sent to the wrong node show it sooner. */
const refreshSlotsEveryMs = 5000;
/** Errors that no patience cures. */
const hopeless = /^(?:WRONGPASS|NOAUTH|NOPERM)|cluster support disabled/;

function isHopeless(error: unknown): boolean {
  return error instanceof Error && hopeless.test(error.message);
}

type Scripts = Readonly<Record<string, { readonly lua: string }>>;

export interface ConnectOptions {
  readonly commandTimeoutMs: number;
  readonly scripts: Scripts;
  readonly log: RedisLog;
  /** Resolve without Redis, too, which is connected to when it is there. */
  readonly mayBeAway: boolean;
}

export interface Connected {
  /** The caller disconnects it. */
  readonly client: RedisClient;
  /** An `index-unavailable` that says why Redis is not there yet; `undefined`: it is. */
  readonly absence: CacheError | undefined;
}

/** Resolves when Redis answers; rejects with `index-unavailable`, which says why it does not. */
export async function connectRedis(connection: RedisConnection, options: ConnectOptions): Promise<Connected> {
  const { commandTimeoutMs, scripts, log, mayBeAway } = options;
  const client = createRedisClient(connection, { commandTimeoutMs, scripts });
  const warn = createSeldomWarning(log, 'the connection to Redis has failed');
  client.on('error', warn).on('node error', warn);
  let absence: CacheError | undefined;
  try {
    await untilReady(client);
  } catch (error) {
    const message = `The index in Redis cannot be opened: ${reasonOf(error)}.`;
    absence = new CacheError('index-unavailable', message, { retryable: true, cause: error });
    if (!mayBeAway || isHopeless(error)) {
      await disconnectRedis(client);
      throw absence;
    }
    log.warn({ err: absence }, 'index unavailable, starting without it');
  }
  if (client instanceof Cluster) keepSlotsFresh(client);
  return { client, absence };
}

/** Resolves when its connections are closed. */
export async function disconnectRedis(client: RedisClient): Promise<void> {
  const { status } = client;
  if (status === 'end') return;
  const waiting = new AbortController();
  const ended = Promise.race([once(client, 'end', waiting), delay(1000, undefined, waiting)]);
  client.disconnect();
  // While it waits to reconnect there is nothing to close, and no event says so.
  if (status !== 'reconnecting') await ended.catch(() => {});
  ended.catch(() => {});
  waiting.abort();
}

/** A client that connects by itself, and whose commands fail while it has no connection. The caller disconnects it. */
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
    // Of a cluster none of whose nodes would do: why the last one would not.
    const ofNode = 'lastNodeError' in error && error.lastNodeError instanceof Error ? error.lastNodeError : undefined;
    lastError = ofNode === undefined || ofNode.message === 'Connection is closed.' ? error : ofNode;
    if (isHopeless(lastError)) ready.reject(lastError);
  }
  client.on('error', onError).once('ready', ready.resolve);
  try {
    await ready.promise;
  } finally {
    clearTimeout(timer);
    client.off('error', onError).off('ready', ready.resolve);
  }
}

// ioredis' own option for this starts its timer anew when it is disconnected at the wrong moment.
function keepSlotsFresh(cluster: Cluster): void {
  const timer = setInterval(() => cluster.refreshSlotsCache(), refreshSlotsEveryMs).unref();
  cluster.once('end', () => clearInterval(timer));
}

/** Connections for announcements are for once: their user opens another when one has ended. */
const forOnce = {
  connectionName: 'cistern-announcements',
  lazyConnect: true,
  retryStrategy: null,
  sentinelRetryStrategy: () => null,
} satisfies RedisOptions;

export interface SubscriberConnectors {
  /** Where to begin: `host:port` of a node of a cluster; else empty, as the connection says where the one server is. */
  anyNode(): string;
  /** A connection that is not open yet. */
  connect(node: string): Redis;
}

/** `client` knows the nodes of a cluster. */
export function subscriberConnectors(
  connection: RedisConnection,
  { client, commandTimeoutMs }: { readonly client: RedisClient; readonly commandTimeoutMs: number },
): SubscriberConnectors {
  if (connection.kind !== 'cluster') {
    const options = { ...redisOptions(connection, commandTimeoutMs), ...forOnce };
    return { anyNode: () => '', connect: () => new Redis(options) };
  }
  return {
    anyNode: () => someNode(client) ?? connection.nodes.map(({ host, port }) => `${host}:${port}`)[0] ?? '',
    connect(node) {
      const colon = node.lastIndexOf(':');
      const address = { host: node.slice(0, colon), port: Number(node.slice(colon + 1)) };
      return new Redis({ ...serverOptions({ ...connection, ...address }, commandTimeoutMs), ...forOnce });
    },
  };
}

/** One that answers rather than one that is known to be down. */
function someNode(client: RedisClient): string | undefined {
  const nodes = client instanceof Cluster ? client.nodes('master') : [];
  const ready = nodes.filter(({ status }) => status === 'ready');
  const choice = ready.length > 0 ? ready : nodes;
  const { host, port } = choice[Math.floor(Math.random() * choice.length)]?.options ?? {};
  return host === undefined || port === undefined ? undefined : `${host}:${port}`;
}
