export { openRedisIndex } from './open-redis-index.ts';
export type { RedisIndexOptions } from './open-redis-index.ts';
