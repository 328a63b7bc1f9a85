// The two kinds of client: those of frontends, which must not wait for Redis, and those of workers, which must.
import { Cluster, type ClusterOptions, type CommonRedisOptions, Redis } from 'ioredis';
import type { RedisConnection, SentinelRedis } from '@cistern/redis';
import { endsWithin } from '@cistern/runtime';

export type RedisClient = Redis | Cluster;

/** A host that does not answer lets an attempt to connect to it neither succeed nor end. */
const endWithinMs = 2000;
const clusterEndsWithinMs = 200;

/**
 * Fails at once while there is no connection, and after seconds when there is no answer: `commandTimeoutMs` is what
 * `answersWithin` gives it, which tells a late Redis from a busy process.
 */
export function openImpatientClient(connection: RedisConnection, commandTimeoutMs: number): RedisClient {
  return openClient(connection, {
    enableOfflineQueue: false,
    patience: {
      commandTimeout: Math.max(5000, 10 * commandTimeoutMs),
      connectTimeout: 2000,
      // No shorter: it cuts connections as well when the whole machine stood still.
      socketTimeout: Math.max(3000, 2 * commandTimeoutMs),
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    },
    // A retry would take up to 16 delays.
    cluster: { retryDelayOnFailover: 0, retryDelayOnClusterDown: 0 },
  });
}

const patient: ClientRole = {
  enableOfflineQueue: true,
  patience: { maxRetriesPerRequest: null, connectTimeout: 5000, socketTimeout: 15_000 },
  // Of 16 retries; the first holds up closing, too.
  cluster: { retryDelayOnFailover: 250, retryDelayOnClusterDown: 250 },
};

/**
 * Waits for Redis for as long as it takes, as BullMQ demands of its workers. A server that says nothing to a command for
 * 15 s, longer than any that blocks, is taken for gone.
 */
export function openPatientClient(connection: RedisConnection): RedisClient {
  return openClient(connection, patient);
}

/**
 * For one subscription, and it ends with its connection: ioredis' own way of subscribing again ends the process if it
 * fails. In a cluster, every node of which hears every message, it is to one node that `known` knows: the subscriptions
 * of ioredis' own cluster client spin at full speed while no node is there.
 */
export function openHearingClient(connection: RedisConnection, known: RedisClient): RedisClient {
  const role = { ...patient, reconnects: false };
  if (connection.kind !== 'cluster') return openClient(connection, role);
  const { nodes, ...account } = connection;
  const ready = known instanceof Cluster ? known.nodes().filter(({ status }) => status === 'ready') : [];
  const addresses = ready.length > 0 ? ready.map(({ options }) => options) : nodes;
  const { host = '', port = 0 } = addresses[Math.floor(Math.random() * addresses.length)] ?? {};
  return openClient({ ...account, kind: 'standalone', host, port }, role);
}

interface ClientRole {
  /** Default true. */
  readonly reconnects?: boolean;
  readonly enableOfflineQueue: boolean;
  readonly patience: Pick<
    CommonRedisOptions,
    'autoResendUnfulfilledCommands' | 'commandTimeout' | 'connectTimeout' | 'maxRetriesPerRequest' | 'socketTimeout'
  >;
  readonly cluster: Pick<ClusterOptions, 'retryDelayOnFailover' | 'retryDelayOnClusterDown'>;
}

function openClient(connection: RedisConnection, role: ClientRole): RedisClient {
  const { enableOfflineQueue, patience, cluster, reconnects = true } = role;
  const options = {
    ...accountOf(connection),
    connectionName: 'cistern-jobs',
    ...patience,
  };
  const ofOneServer = {
    ...options,
    enableOfflineQueue,
    retryStrategy: reconnects ? retryDelayMs : null,
    // After a fail-over the old master may still answer, as a replica. In a cluster the same replica would be asked again,
    // without end: there the command fails.
    reconnectOnError: (error: Error): 2 | false => (error.message.startsWith('READONLY') ? 2 : false),
  };
  switch (connection.kind) {
    case 'standalone':
      return new Redis({ ...ofOneServer, host: connection.host, port: connection.port, db: connection.db ?? 0 });
    case 'url':
      return new Redis(connection.url, ofOneServer);
    case 'sentinel':
      return new Redis({ ...ofOneServer, ...sentinelOptions(connection) });
    case 'cluster':
      return new Cluster([...connection.nodes], {
        ...cluster,
        enableOfflineQueue,
        redisOptions: options,
        clusterRetryStrategy: retryDelayMs,
        // Only for a while: then the cluster is looked for anew by the configured names.
        clusterNodeRetryStrategy: (attempt) => (attempt <= 5 ? retryDelayMs(attempt) : null),
        // TLS checks the names of nodes, so they must stay names.
        dnsLookup: (host, callback) => callback(null, host),
      });
    default:
      return connection satisfies never;
  }
}

function accountOf(connection: RedisConnection) {
  if (connection.kind === 'url') return { ...(connection.tls && { tls: connection.tls }) };
  const { username, password, tls } = connection;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls && { tls }),
  };
}

function sentinelOptions(connection: SentinelRedis) {
  const { sentinels, name, db = 0, tls, sentinelUsername, sentinelPassword } = connection;
  return {
    sentinels: sentinels.map((address) => ({ ...address })),
    name,
    db,
    sentinelRetryStrategy: retryDelayMs,
    ...(sentinelUsername !== undefined && { sentinelUsername }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  };
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

function retryDelayMs(attempt: number): number {
  return Math.min(attempt * 50, 1000);
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
