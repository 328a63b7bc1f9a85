export { openRedisIndex } from './open-redis-index.ts';
export type { RedisIndexOptions } from './open-redis-index.ts';
export type {
  ClusterRedis,
  RedisAddress,
  RedisConnection,
  RedisUrl,
  SentinelRedis,
  StandaloneRedis,
} from './redis-connection.ts';
