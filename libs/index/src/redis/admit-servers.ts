// Checks that the Redis servers are suitable for the index: before its first call, or as soon as they are available.
import { CacheError } from '@cistern/errors';
import { watchIndexOutage } from '@cistern/redis';
import { type RedisClient, toIndexError } from '@cistern/redis/client';
import { openPoll, type Poll } from '@cistern/runtime';
import { Cluster } from 'ioredis';
import type { IndexLog } from '../cache-index.ts';

export interface AdmittedServers {
  /** Throws `index-unavailable` until the servers have been found suitable. */
  check(): void;
  /**
   * Reports whether the servers support SSUBSCRIBE and SPUBLISH (Redis 7 and later). Only valid after `check` has
   * returned without an error.
   */
  hasShardedPubSub(): boolean;
  close(): void;
}

const pollEveryMs = 500;

/**
 * `absence` is the reason why the servers are unavailable now. If it is set, they are checked later, when they are
 * available. If it is not set, they are checked now, and `admitServers` rejects with `index-unavailable` if one is not
 * suitable.
 */
export async function admitServers(
  client: RedisClient,
  { absence, log }: { readonly absence: CacheError | undefined; readonly log: IndexLog },
): Promise<AdmittedServers> {
  let isSharded = false;
  let refusal: unknown = absence;
  const admit = async () => {
    isSharded = await checkServers(client);
    refusal = undefined;
  };
  if (absence === undefined) await admit();
  const outage = watchIndexOutage(log);
  // Servers that are connected may still be unsuitable, so the outage lasts until they are admitted.
  if (absence !== undefined) outage.failed(absence);
  const poll: Poll | undefined =
    absence &&
    openPoll({
      everyMs: pollEveryMs,
      async check() {
        if (client.status !== 'ready') return;
        await admit();
        outage.recovered();
        void poll?.close();
      },
      onFailure(error) {
        refusal = error;
        outage.failed(error);
      },
    });
  return {
    check() {
      if (refusal !== undefined) throw refusal;
    },
    hasShardedPubSub: () => isSharded,
    close() {
      outage.close();
      void poll?.close();
    },
  };
}

/**
 * Rejects with `index-unavailable` if a server is not suitable; in a Redis Cluster, all masters are checked. A Redis
 * that is too old or evicts keys would lose records. A node of a Redis Cluster that is not configured as a cluster
 * would reject some calls. Resolves to true if all servers support SSUBSCRIBE and SPUBLISH (Redis 7 and later).
 */
async function checkServers(client: RedisClient): Promise<boolean> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  try {
    // Uses only INFO, because managed Redis services forbid CONFIG.
    const infos = await Promise.all(servers.map((server) => server.info()));
    const versions = infos.map((info) => checkInfo(info, client.isCluster));
    return versions.every((version) => version >= 7);
  } catch (error) {
    throw toIndexError(error);
  }
}

/** Throws if the server is not suitable. Returns its major and minor version as a decimal number, such as 7.2. */
function checkInfo(info: string, wantsCluster: boolean): number {
  const versionText = field(info, 'redis_version');
  const version = Number.parseFloat(versionText);
  if (!(version >= 6.2)) refuse(`it is version ${versionText}, and the index needs Redis 6.2 or later`);
  if (!wantsCluster && field(info, 'redis_mode') === 'cluster')
    refuse('it is a node of a Redis Cluster; configure it as a cluster');
  const policy = field(info, 'maxmemory_policy');
  if (policy !== 'noeviction')
    refuse(`its maxmemory-policy is ${policy}, which may evict records; set it to noeviction`);
  return version;
}

function field(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? 'unknown';
}

function refuse(reason: string): never {
  throw new CacheError('index-unavailable', `The index in Redis cannot be opened: ${reason}.`);
}
