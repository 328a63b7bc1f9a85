// What all who talk to Redis share: where it is, and how long an answer may take.
export { answersWithin } from './answers-within.ts';
export { createBriefAsker } from './create-brief-asker.ts';
export type { AskBriefly } from './create-brief-asker.ts';
export { parseRedisUrl } from './redis-connection.ts';
export type {
  ClusterRedis,
  RedisAccount,
  RedisAddress,
  RedisConnection,
  RedisUrl,
  SentinelRedis,
  StandaloneRedis,
} from './redis-connection.ts';
