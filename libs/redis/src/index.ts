// What all who talk to Redis share: where it is, and how long an answer may take.
export { answersWithin, createBriefQuery } from './answers-within.ts';
export type { QueryBriefly } from './answers-within.ts';
export type { RedisConnection } from './redis-connection.ts';
