// The index of a cluster of Cistern nodes. It is in a single Redis, in a Redis with Sentinel, or in a Redis Cluster.
import type { CacheIndex, IndexLog, ValueIndex } from '../cache-index.ts';
import {
  connectRedis,
  disconnectRedis,
  isFullError,
  type RedisClient,
  subscriberConnectors,
} from '@cistern/redis/client';
import { admitServers } from './admit-servers.ts';
import { createKeys } from './keys.ts';
import { loadScripts } from './load-scripts.ts';
import { createRedisPubSub } from './redis-pubsub.ts';
import { createRedisAudit } from './redis-audit.ts';
import { createRedisBlobs, createRedisManifests } from './redis-blobs.ts';
import { createRedisCalls, type OnRedisCall } from './redis-calls.ts';
import type { RedisConnection } from '@cistern/redis';
import { createRedisClock } from './redis-clock.ts';
import { createRedisEpoch } from './redis-epoch.ts';
import { createRedisFills } from './redis-fills.ts';
import { createRedisLinks } from './redis-links.ts';
import { createRedisNodes } from './redis-nodes.ts';
import { createRedisParts, type RedisParts } from './redis-parts.ts';
import { createRedisPopularity } from './redis-popularity.ts';
import { createRedisTags } from './redis-tags.ts';
import type { LeaseIndex } from '../leases.ts';

export interface RedisIndexOptions {
  readonly connection: RedisConnection;
  /**
   * Prefix of every key and channel, for example `cistern:`. Processes that share a cache must use the same prefix. It
   * must not contain braces.
   */
  readonly keyPrefix: string;
  /**
   * How long claims wait after a loss of data, so that the owners of fills can restore their records. Default: 1.2 s,
   * which is their heartbeat interval of one second and time for a reconnect.
   */
  readonly settleMs?: number;
  /** Timeout of a call. */
  readonly commandTimeoutMs: number;
  readonly log: IndexLog;
  readonly onCall?: OnRedisCall | undefined;
  /**
   * Opens the index even if Redis is unavailable. Calls then reject until Redis is available and suitable. Default:
   * false.
   */
  readonly mayBeUnavailable?: boolean;
}

export interface RedisIndex extends CacheIndex {
  /** The connection of the index, which callers can also use for other data in the same Redis. The index closes it. */
  readonly client: RedisClient;
}

const defaultSettleMs = 1200;
/** How long the key of a check for writing stays in Redis. */
const checkTtlMs = 60_000;
const shardsAtOnce = 4;

/**
 * Rejects with `index-unavailable` and the reason if Redis is unreachable for seconds, is older than 6.2, or evicts
 * keys. If Redis fails later, calls reject, each within about `commandTimeoutMs`. They succeed again after Redis has
 * recovered. The caller closes the index.
 */
export async function openRedisIndex(options: RedisIndexOptions): Promise<RedisIndex> {
  const { connection, keyPrefix, settleMs = defaultSettleMs, commandTimeoutMs, log, onCall } = options;
  const { mayBeUnavailable = false } = options;
  const keys = createKeys(keyPrefix, { isCluster: connection.kind === 'cluster' });
  const scripts = await loadScripts();
  const { client, absence, outage } = await connectRedis(connection, {
    commandTimeoutMs,
    scripts,
    log,
    mayBeUnavailable,
  });
  const clock = createRedisClock();
  const open = async () => {
    const servers = await admitServers(client, { absence, log });
    const calls = createRedisCalls({ client, commandTimeoutMs, checkAdmitted: servers.check, onCall, outage });
    // If Redis is unavailable now, its response to the first node report sets the clock later.
    if (absence === undefined) await clock.sync(() => calls.run('read-clock', [keys.nodes.reports], []));
    return { servers, calls };
  };
  const { servers, calls } = await open().catch(async (error: unknown) => {
    outage.close();
    await disconnectRedis(client);
    throw error;
  });
  const { pubsub, close: closePubSub } = createRedisPubSub({
    calls,
    keys,
    log,
    isSharded: servers.hasShardedPubSub,
    connectors: subscriberConnectors(connection, { client, commandTimeoutMs }),
  });
  const parts = createRedisParts(calls, keys, pubsub, log);
  const blobs = createRedisBlobs(parts);

  async function close(): Promise<void> {
    await parts.writeBehind.close();
    calls.close();
    servers.close();
    outage.close();
    await Promise.all([closePubSub(), disconnectRedis(client)]);
  }
  let closing: Promise<void> | undefined;

  return {
    client,
    tags: createRedisTags(parts),
    manifests: createRedisManifests(parts),
    blobs: blobs.blobs,
    links: createRedisLinks(parts),
    fills: createRedisFills(parts, { blobs, settleMs }),
    leases: createRedisLeases(parts),
    values: createRedisValues(parts),
    popularity: createRedisPopularity(parts),
    nodes: createRedisNodes(parts, clock),
    audit: createRedisAudit(parts),
    epoch: createRedisEpoch(parts),
    pubsub,
    now: clock.now,
    check: async () => calls.command(async (target) => void (await target.ping())),
    findFull: createFullCheck(parts),
    close: async () => (closing ??= close()),
  };
}

/**
 * Each call writes to some of the shards, so that many nodes cost little in a Redis Cluster. The result is that of the last write
 * to each shard.
 */
function createFullCheck({ calls, keys }: RedisParts): CacheIndex['findFull'] {
  const full: (string | undefined)[] = keys.shards.map(() => undefined);
  let next = 0;
  return async () => {
    const start = next;
    const checked = keys.shards.slice(start, start + shardsAtOnce);
    next = start + shardsAtOnce < keys.shards.length ? start + shardsAtOnce : 0;
    const written = await Promise.allSettled(
      checked.map(({ check }) => calls.command((client) => client.set(check, '', 'PX', checkTtlMs))),
    );
    for (const [offset, result] of written.entries()) {
      const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
      if (reason !== undefined && !isFullError(reason)) throw reason;
      full[start + offset] = (reason as Error | undefined)?.message;
    }
    return full.find((message) => message !== undefined);
  };
}

/** Leases are keys with an expiry in Redis. */
function createRedisLeases({ calls, keys }: RedisParts): LeaseIndex {
  return {
    async acquire(name, owner, ms) {
      return (await calls.run('acquire-lease', [keys.lease(name)], [owner, Math.ceil(ms)])) === 1;
    },
    async release(name, owner) {
      await calls.run('release-lease', [keys.lease(name)], [owner]);
    },
  };
}

/** Shared values are keys with an expiry in Redis. */
function createRedisValues({ calls, keys }: RedisParts): ValueIndex {
  return {
    async get(name) {
      return (await calls.command((client) => client.get(keys.value(name)))) ?? undefined;
    },
    async put(name, value, ttlMs) {
      const ms = Math.max(1, Math.ceil(ttlMs));
      await calls.command((client) => client.set(keys.value(name), value, 'PX', ms));
    },
    async remove(name) {
      await calls.command((client) => client.del(keys.value(name)));
    },
  };
}
