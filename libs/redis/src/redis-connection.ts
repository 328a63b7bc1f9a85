// The address of Redis, and the account to authenticate with.
import type { ConnectionOptions } from 'node:tls';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisAccount {
  /** A user of Redis' ACL. Unset means the default user. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Enables TLS. `{}` trusts the CA certificates of Node.js. */
  readonly tls?: ConnectionOptions | undefined;
}

export interface StandaloneRedis extends RedisAddress, RedisAccount {
  readonly kind: 'standalone';
  readonly db?: number | undefined;
}

/** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
export interface RedisUrl {
  readonly kind: 'url';
  readonly url: string;
  readonly tls?: ConnectionOptions | undefined;
}

/**
 * The Redis master that the sentinels name. ioredis queries the sentinels at every reconnect. `tls` applies to
 * sentinels and servers.
 */
interface SentinelRedis extends RedisAccount {
  readonly kind: 'sentinel';
  readonly sentinels: readonly RedisAddress[];
  readonly name: string;
  readonly db?: number | undefined;
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
}

/** A Redis Cluster. A few nodes are enough: they report the others. */
export interface ClusterRedis extends RedisAccount {
  readonly kind: 'cluster';
  readonly nodes: readonly RedisAddress[];
}

export type RedisConnection = StandaloneRedis | RedisUrl | SentinelRedis | ClusterRedis;

/** Parses the URL. Throws `TypeError` if it is invalid. */
export function parseRedisUrl({ url, tls }: RedisUrl): StandaloneRedis {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  const db = pathname.slice(1);
  if (!/^rediss?:$/.test(protocol) || hostname === '' || !/^\d*$/.test(db))
    throw new TypeError(`not a Redis URL such as redis://host:6379/0: ${protocol}//${hostname}${pathname}`);
  return {
    kind: 'standalone',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 6379),
    db: Number(db),
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
    tls: tls ?? (protocol === 'rediss:' ? {} : undefined),
  };
}
