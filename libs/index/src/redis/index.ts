export { openRedisIndex } from './open-redis-index.ts';
export type { RedisIndex } from './open-redis-index.ts';
