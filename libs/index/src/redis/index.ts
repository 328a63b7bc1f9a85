export { openRedisIndex } from './open-redis-index.ts';
export type { RedisIndex, RedisIndexOptions } from './open-redis-index.ts';
