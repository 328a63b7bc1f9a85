// Where the queue's Redis is, and as whom to come in: the same shape as the index has for its Redis.
import type { ConnectionOptions as TlsOptions } from 'node:tls';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

interface RedisAccount {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Speak TLS; `{}` trusts what Node.js trusts. */
  readonly tls?: TlsOptions | undefined;
}

export type RedisConnection =
  | (RedisAddress & RedisAccount & { readonly kind: 'standalone'; readonly db?: number | undefined })
  /** `redis://user:password@host:port/db`, or `rediss://` for TLS. */
  | { readonly kind: 'url'; readonly url: string; readonly tls?: TlsOptions | undefined }
  | SentinelRedis
  /** A few of the nodes of a Redis Cluster are enough. */
  | (RedisAccount & { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] });

/** `tls` is for sentinels and servers alike. */
export interface SentinelRedis extends RedisAccount {
  readonly kind: 'sentinel';
  readonly sentinels: readonly RedisAddress[];
  /** What the sentinels call the master. */
  readonly name: string;
  readonly db?: number | undefined;
  readonly sentinelUsername?: string | undefined;
  readonly sentinelPassword?: string | undefined;
}
