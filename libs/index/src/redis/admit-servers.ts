// Checks the servers of an index: before its first call, or as soon as they are available.
import { CacheError } from '@cistern/errors';
import { type RedisClient, toIndexError } from '@cistern/redis/client';
import { openPoll, type Poll } from '@cistern/runtime';
import { Cluster } from 'ioredis';
import type { IndexLog } from '../cache-index.ts';

export interface AdmittedServers {
  /** Throws `index-unavailable` until the servers have been available and suitable. */
  check(): void;
  /**
   * Reports whether the servers know SSUBSCRIBE and SPUBLISH (Redis 7 and later). Valid once `check` does not throw.
   */
  hasShardedPubSub(): boolean;
  close(): void;
}

const pollEveryMs = 500;

/**
 * `absence` is the reason why the servers are unavailable; a poll then checks them later. Without it, `admitServers`
 * rejects with `index-unavailable` if a server is not suitable.
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
  const poll: Poll | undefined =
    absence &&
    openPoll({
      everyMs: pollEveryMs,
      async look() {
        if (client.status !== 'ready') return;
        await admit();
        log.warn({}, 'index available');
        void poll?.close();
      },
      onFailure(error, times) {
        refusal = error;
        if (times === 1) log.warn({ err: error }, 'index still unavailable');
      },
    });
  return {
    check() {
      if (refusal !== undefined) throw refusal;
    },
    hasShardedPubSub: () => isSharded,
    close: () => void poll?.close(),
  };
}

/**
 * Rejects with `index-unavailable` if a server is not suitable; in a cluster it checks all masters. A Redis that is too
 * old, or that evicts, would lose records. One of another kind than configured would fail some of the calls. Resolves
 * to whether the servers know SSUBSCRIBE and SPUBLISH (Redis 7 and later).
 */
async function checkServers(client: RedisClient): Promise<boolean> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  try {
    // Use INFO only: managed servers forbid CONFIG.
    const infos = await Promise.all(servers.map((server) => server.info()));
    const versions = infos.map((info) => checkInfo(info, client.isCluster));
    return versions.every((version) => version >= 7);
  } catch (error) {
    throw toIndexError(error);
  }
}

/** Returns major and minor version as a decimal number. */
function checkInfo(info: string, wantsCluster: boolean): number {
  const versionText = field(info, 'redis_version');
  const version = Number.parseFloat(versionText);
  if (!(version >= 6.2)) refuse(`it is version ${versionText}, and the index needs 6.2 or later`);
  if (!wantsCluster && field(info, 'redis_mode') === 'cluster')
    refuse('it is a node of a Redis Cluster; configure it as a cluster');
  const policy = field(info, 'maxmemory_policy');
  if (policy !== 'noeviction')
    refuse(`its maxmemory-policy is ${policy}, which may drop records; set it to noeviction`);
  return version;
}

function field(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? 'unknown';
}

function refuse(reason: string): never {
  throw new CacheError('index-unavailable', `The index in Redis cannot be opened: ${reason}.`);
}
