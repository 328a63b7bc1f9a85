// Connections for announcements. Each is for once: whoever uses it opens another when it has ended.
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { redisOptions, serverOptions } from './client-options.ts';
import type { RedisClient } from './connect-redis.ts';
import type { RedisConnection } from '../redis-connection.ts';

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
