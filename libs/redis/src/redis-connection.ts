// Where Redis is, and as whom to come in.
import type { ConnectionOptions } from 'node:tls';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisAccount {
  /** Of Redis' ACL; without it the default user. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Speak TLS; `{}` trusts what Node.js trusts. */
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

/** The master that the sentinels name, asked for again at every reconnect. `tls` is for sentinels and servers alike. */
interface SentinelRedis extends RedisAccount {
  readonly kind: 'sentinel';
  readonly sentinels: readonly RedisAddress[];
  readonly name: string;
  readonly db?: number | undefined;
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
}

/** Redis Cluster; a few of the nodes are enough, the others are learned from them. */
export interface ClusterRedis extends RedisAccount {
  readonly kind: 'cluster';
  readonly nodes: readonly RedisAddress[];
}

export type RedisConnection = StandaloneRedis | RedisUrl | SentinelRedis | ClusterRedis;

/** Throws `TypeError` for what is not such a URL. */
export function parseRedisUrl({ url, tls }: RedisUrl): StandaloneRedis {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  const db = pathname.slice(1);
  if (!/^rediss?:$/.test(protocol) || hostname === '' || !/^\d*$/.test(db))
    throw new TypeError(`not a URL of a Redis, as redis://host:6379/0: ${protocol}//${hostname}${pathname}`);
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
