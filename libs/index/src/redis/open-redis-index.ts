// The index of a cluster: in one Redis, in what Sentinel watches, or in a Redis Cluster.
import type { CacheIndex } from '../cache-index.ts';
import type { IndexLog } from '../index-log.ts';
import { createPublishChanges } from './publish-changes.ts';
import { checkServer } from './check-server.ts';
import { connectRedis, disconnectRedis, type RedisClient, subscriberConnectors } from '@cistern/redis/client';
import { createWriteBehind } from './create-write-behind.ts';
import { createKeys } from './keys.ts';
import { loadScripts } from './load-scripts.ts';
import { createRedisPubSub } from './redis-pubsub.ts';
import { createRedisAudit } from './redis-audit.ts';
import { createRedisBlobs } from './redis-blobs.ts';
import { createRedisCalls, type OnRedisCall } from './redis-calls.ts';
import type { RedisConnection } from '@cistern/redis';
import { createRedisEpoch } from './redis-epoch.ts';
import { createRedisFills } from './redis-fills.ts';
import { createRedisLinks } from './redis-links.ts';
import { createRedisManifests } from './redis-manifests.ts';
import { createRedisNodes } from './redis-nodes.ts';
import type { RedisParts } from './redis-parts.ts';
import { createRedisPopularity } from './redis-popularity.ts';
import { createRedisTags } from './redis-tags.ts';
import { createNewerLog } from './stored-schema.ts';
import { watchShards } from './watch-shards.ts';
import type { LeaseIndex } from '../leases.ts';
import type { ValueIndex } from '../values.ts';

export interface RedisIndexOptions {
  readonly connection: RedisConnection;
  /** Of every key and channel, for example `cistern:`; processes that share a cache have the same one. No braces. */
  readonly keyPrefix: string;
  /**
   * How long claims wait after a loss of data, so that the owners of fills put their records back; default 2.5 s, which is
   * their heartbeat of a second, a reconnect and some more.
   */
  readonly settleMs?: number;
  /** How long a call may take before it rejects. */
  readonly commandTimeoutMs: number;
  readonly log: IndexLog;
  readonly onCall?: OnRedisCall | undefined;
}

export interface RedisIndex extends CacheIndex {
  /** The index's own connection, for whatever else is kept in the same Redis. It ends with the index. */
  readonly client: RedisClient;
}

const defaultSettleMs = 2500;

/**
 * Rejects with `index-unavailable`, which says why, if Redis cannot be reached within seconds, is older than 6.2, or evicts.
 * Later failures are those of the calls: each rejects within about `commandTimeoutMs`, and calls work again when Redis does.
 */
export async function openRedisIndex(options: RedisIndexOptions): Promise<RedisIndex> {
  const { connection, keyPrefix, settleMs = defaultSettleMs, commandTimeoutMs, log, onCall } = options;
  const keys = createKeys(keyPrefix);
  const client = await connectRedis(connection, { commandTimeoutMs, scripts: await loadScripts(), log });
  const server = await checkServer(client).catch(async (error: unknown) => {
    await disconnectRedis(client);
    throw error;
  });
  const calls = createRedisCalls({ client, commandTimeoutMs, onCall });
  const writeBehind = createWriteBehind(calls, log);
  const { pubsub, close: closePubSub } = createRedisPubSub({
    calls,
    keys,
    log,
    sharded: server.hasShardedPubSub,
    connectors: subscriberConnectors(connection, { client, commandTimeoutMs }),
  });
  const parts: RedisParts = {
    calls,
    keys,
    writeBehind,
    publishChanges: createPublishChanges(pubsub, log),
    reportNewer: createNewerLog(log),
  };
  const blobs = createRedisBlobs(parts);
  const watch = watchShards(settleMs);

  async function close(): Promise<void> {
    await writeBehind.close();
    calls.close();
    await Promise.all([closePubSub(), disconnectRedis(client)]);
  }
  let closing: Promise<void> | undefined;

  return {
    client,
    tags: createRedisTags(parts),
    manifests: createRedisManifests(parts),
    blobs: blobs.blobs,
    links: createRedisLinks(parts),
    fills: createRedisFills(parts, { blobs, settleMs, watch }),
    leases: createRedisLeases(parts),
    values: createRedisValues(parts),
    popularity: createRedisPopularity(parts),
    nodes: createRedisNodes(parts),
    audit: createRedisAudit(parts),
    epoch: createRedisEpoch(parts, watch),
    pubsub,
    check: async () => calls.command(async (target) => void (await target.ping())),
    close: async () => (closing ??= close()),
  };
}

/** Leases: keys that Redis lets expire. */
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

/** Shared values: keys that Redis lets expire. */
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
