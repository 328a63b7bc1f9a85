// What all who talk to Redis share: where it is, and how long an answer may take.
export { answersWithin, createBriefAsker } from './answers-within.ts';
export type { AskBriefly } from './answers-within.ts';
export type { RedisConnection, SentinelRedis } from './redis-connection.ts';
