// A Redis that is too old, that evicts, or that is of another kind than configured would lose records or fail one call in a
// few: better said at the start.
import { CacheError } from '@cistern/errors';
import { Cluster } from 'ioredis';
import { type RedisClient, toIndexError } from '@cistern/redis/client';

export interface RedisServer {
  /** SSUBSCRIBE and SPUBLISH, since Redis 7. */
  readonly hasShardedPubSub: boolean;
}

/** Rejects with `index-unavailable` if one of the servers, or in a cluster of the masters, will not do. */
export async function checkServer(client: RedisClient): Promise<RedisServer> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  try {
    // INFO alone: managed servers forbid CONFIG.
    const infos = await Promise.all(servers.map((server) => server.info()));
    const versions = infos.map((info) => checkInfo(info, client.isCluster));
    return { hasShardedPubSub: versions.every((version) => version >= 7) };
  } catch (error) {
    throw toIndexError(error);
  }
}

/** Returns the version, minor version as decimals. */
function checkInfo(info: string, wantsCluster: boolean): number {
  const versionText = field(info, 'redis_version');
  const version = Number.parseFloat(versionText);
  if (!(version >= 6.2)) refuse(`it is version ${versionText}, and the index needs 6.2 or later`);
  if (!wantsCluster && field(info, 'redis_mode') === 'cluster')
    refuse('it is a node of a Redis Cluster; configure it as one');
  const policy = field(info, 'maxmemory_policy');
  if (policy !== 'noeviction')
    refuse(`its maxmemory-policy is ${policy}, which drops records at will; set it to noeviction`);
  return version;
}

function field(info: string, name: string): string {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? 'unknown';
}

function refuse(reason: string): never {
  throw new CacheError('index-unavailable', `The index in Redis cannot be opened: ${reason}.`);
}
