// What all who talk to Redis share: where it is, and how long an answer may take.
export { answersWithin } from './answers-within.ts';
export { createBriefAsker } from './create-brief-asker.ts';
export type { AskBriefly } from './create-brief-asker.ts';
export type { RedisConnection, SentinelRedis } from './redis-connection.ts';
