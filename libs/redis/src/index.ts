// The shared parts of all Redis clients: the types of connections, and deadlines for replies.
export { answersWithin, createBriefQuery } from './answers-within.ts';
export type { QueryBriefly } from './answers-within.ts';
export type { RedisConnection } from './redis-connection.ts';
export { type RedisLog, watchIndexOutage } from './watch-index-outage.ts';
