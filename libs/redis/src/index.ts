// The shared parts of all Redis clients: the connection settings, and the time that a reply may take.
export { answersWithin, createBriefQuery } from './answers-within.ts';
export type { QueryBriefly } from './answers-within.ts';
export type { RedisConnection } from './redis-connection.ts';
