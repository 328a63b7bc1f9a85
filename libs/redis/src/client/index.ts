export { connectRedis, disconnectRedis } from './connect-redis.ts';
export type { RedisClient } from './connect-redis.ts';
export { subscriberConnectors } from './connect-subscriber.ts';
export { createSubscriber } from './create-subscriber.ts';
export type { SubscriberOptions } from './create-subscriber.ts';
export { isTimeout, toIndexError } from './index-error.ts';
export { createSeldomWarning } from './seldom-warning.ts';
