export { clusterOptions, reconnectAfterMs, redisOptions } from './client-options.ts';
export { connectRedis, createRedisClient, disconnectRedis, subscriberConnectors } from './connect-redis.ts';
export type { RedisClient, SubscriberConnectors } from './connect-redis.ts';
export { createSubscriber } from './create-subscriber.ts';
export type { SubscriberOptions } from './create-subscriber.ts';
export { isFullError, isTimeout, toIndexError, createThrottledWarning } from '../index-error.ts';
export { watchConnection } from './watch-connection.ts';
