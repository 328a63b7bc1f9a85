// Redis as the configuration has it: for the index and the queue that open it, and for the counts of all nodes beside the index.
import type { SharedTries } from '@cistern/auth';
import type { Config, RedisConfig } from '@cistern/config';
import type { RedisIndex } from '@cistern/index/redis';
import type { RedisConnection } from '@cistern/redis';
import type { OpenedIndexAndStore } from './open-index-and-store.ts';

/** Reveals the secrets: the result is not to be logged. */
export function redisConnectionOf({ connection }: Pick<RedisConfig, 'connection'>): RedisConnection {
  const account = { password: connection.password?.reveal(), tls: tlsOf(connection.tls) };
  if (connection.kind !== 'sentinel') return { ...connection, ...account };
  return { ...connection, ...account, sentinelPassword: connection.sentinelPassword?.reveal() };
}

function tlsOf(tls: RedisConfig['connection']['tls']): RedisConnection['tls'] {
  if (tls === undefined) return undefined;
  const { ca, clientCertificate } = tls;
  return {
    ...(ca !== undefined && { ca: [...ca] }),
    ...(clientCertificate !== undefined && {
      cert: clientCertificate.certificate,
      key: clientCertificate.key.reveal(),
    }),
  };
}

type IndexRedis = Omit<RedisConfig, 'connection'> & Pick<RedisIndex, 'client'>;

/** `undefined`: this node has an index of its own. The client is the index's, which closes it. */
export function redisOf({ redis }: Pick<Config, 'redis'>, index: OpenedIndexAndStore['index']): IndexRedis | undefined {
  if (!('client' in index) || redis === undefined) return undefined;
  const { connection: _connection, ...settings } = redis;
  return { ...settings, client: index.client };
}

/**
 * Where the nodes of a cluster count wrong passwords together; `undefined`: this node counts for itself. Each `kind` is
 * counted apart: an operator is not a client of the same name, and a caller of an upstream neither.
 */
export function sharedTriesOf(
  config: Pick<Config, 'cluster' | 'redis'>,
  index: OpenedIndexAndStore['index'],
  kind: 'client' | 'operator' | 'caller',
): SharedTries | undefined {
  const redis = redisOf(config, index);
  const secret = config.cluster?.secret.reveal();
  if (redis === undefined || secret === undefined) return undefined;
  const { keyPrefix } = redis;
  return { ...redis, keyPrefix: kind === 'client' ? keyPrefix : `${keyPrefix}${kind}-`, secret };
}
