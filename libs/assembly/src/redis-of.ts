// Returns Redis settings of a configuration, for the index and the queue, and for counts that all nodes share.
import type { SharedTries } from '@cistern/auth';
import type { Config, RedisConfig } from '@cistern/config';
import type { RedisIndex } from '@cistern/index/redis';
import type { RedisConnection } from '@cistern/redis';
import type { OpenedIndexAndStore } from './open-index-and-store.ts';

/** Returns the connection settings with their secrets in clear text. Do not log the result. */
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

/**
 * Returns the Redis settings with the connection of the index, which the index closes. Returns `undefined` if the index
 * is not in Redis.
 */
export function redisOf({ redis }: Pick<Config, 'redis'>, index: OpenedIndexAndStore['index']): IndexRedis | undefined {
  if (!('client' in index) || redis === undefined) return undefined;
  const { connection: _connection, ...settings } = redis;
  return { ...settings, client: index.client };
}

/**
 * Returns the Redis in which the nodes of a cluster count wrong passwords together. Returns `undefined` if this node
 * counts alone. Each `kind` has separate counts, because a client, an operator and a caller of an upstream can have the
 * same name.
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
