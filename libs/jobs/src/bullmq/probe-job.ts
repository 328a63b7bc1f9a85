// What has become of a job, in one atomic look at BullMQ's keys. It is also how a job that was lost with its worker gives
// its deduplication key back: BullMQ's own recovery needs a free worker and tens of seconds for that.
import type { JobQueueName } from './job-queue-name.ts';
import type { RedisClient } from './redis-clients.ts';

export type JobProbe =
  | { readonly state: 'pending' }
  | { readonly state: 'ended'; readonly outcome: string }
  /** It will not end any more, or nobody knows how it did. Its key is free: ask again. */
  | { readonly state: 'lost' };

/**
 * A running worker keeps `<job>:lock` alive. Without a lock, a job in the `active` list has lost its worker, and so has
 * one marked with a deferred failure (`defa`), which waits only to be failed. The outcome counts once the job has
 * finished, because until then its deduplication key is taken; if the lock is lost it never will finish.
 */
const script = `
local job, lock, outcome, active, dedup = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local unfinished = redis.call('EXISTS', job) == 1 and redis.call('HEXISTS', job, 'finishedOn') == 0
if unfinished and redis.call('EXISTS', lock) == 1 then return {'pending'} end
local ended = redis.call('GET', outcome)
if unfinished and not ended and redis.call('HEXISTS', job, 'defa') == 0
  and not redis.call('LPOS', active, ARGV[1]) then return {'pending'} end
if redis.call('GET', dedup) == ARGV[1] then redis.call('DEL', dedup) end
if ended then return {'ended', ended} end
return {'lost'}
`;

export interface ProbedJob {
  readonly lane: JobQueueName;
  readonly id: string;
  readonly deduplicationId: string;
}

type WithProbe = RedisClient & {
  cisternProbeJob(...args: string[]): Promise<['pending' | 'lost'] | ['ended', string]>;
};

/** Call once for a client; the function rejects as the client does. */
export function createProbe(client: RedisClient): (job: ProbedJob) => Promise<JobProbe> {
  client.defineCommand('cisternProbeJob', { numberOfKeys: 5, lua: script });
  return async ({ lane, id, deduplicationId }) => {
    const [state, outcome] = await (client as WithProbe).cisternProbeJob(
      lane.key(id),
      lane.key(`${id}:lock`),
      outcomeKey(lane, id),
      lane.key('active'),
      lane.key(`de:${deduplicationId}`),
      id,
    );
    return outcome === undefined ? ({ state } as JobProbe) : { state: 'ended', outcome };
  };
}

export function outcomeKey(lane: JobQueueName, jobId: string): string {
  return lane.key(`${jobId}:outcome`);
}
