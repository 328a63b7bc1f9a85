// The layout of jobs in Redis. There are four separate queues: interactive and background, each for blobs and for short
// jobs. The keys of a queue share a hash tag. So a Redis Cluster can put the queues on different nodes, and every Lua
// script uses only one hash slot.
import { CacheError, type CacheErrorKind, cacheErrorKinds } from '@cistern/errors';
import type { JobName, JobPayload, JobResult } from '../catalogue.ts';
import { type JobClass, type JobGroup, jobGroup, type JobOptions } from '../job-queue.ts';
import type { RedisClient } from './redis-clients.ts';

export interface JobQueueName {
  /** BullMQ's name of the queue. */
  readonly name: string;
  readonly class: JobClass;
  readonly group: JobGroup;
  /** BullMQ's prefix of all keys of the queue. */
  readonly prefix: string;
  /** Returns a key of the queue as BullMQ builds it. `suffix` is the kind of the key or the id of a job. */
  key(suffix: string): string;
}

export type JobQueueNames = ReturnType<typeof createQueueNames>;

/** `keyPrefix` separates the keys of this cache from other keys in the same Redis. */
export function createQueueNames(keyPrefix: string) {
  const queueNames = new Map<string, JobQueueName>();
  for (const jobClass of ['interactive', 'background'] as const)
    for (const group of ['blob', 'short'] as const) {
      const name = `${jobClass}-${group}`;
      const prefix = `${keyPrefix}{jobs-${name}}`;
      const key = (suffix: string) => `${prefix}:${name}:${suffix}`;
      queueNames.set(name, { name, class: jobClass, group, prefix, key });
    }
  return {
    all: [...queueNames.values()],
    of: (name: JobName, jobClass: JobClass): JobQueueName => queueNames.get(`${jobClass}-${jobGroup(name)}`)!,
    /**
     * Returns the channel on which workers announce to a caller that one of its jobs has ended. The message is the
     * job's id.
     */
    channelOf: (callerId: string): string => `${keyPrefix}jobs-ended:${callerId}`,
  };
}

/** Returns the deduplication id. Two jobs of a queue with the same id are one job. */
export function deduplicationIdOf(name: JobName, dedupKey: string): string {
  return `${name} ${dedupKey}`;
}

const version = 1;

/** The payload of a job in Redis, with the version of its format. During an update, two releases share the queues. */
export interface JobEnvelope {
  readonly v: number;
  readonly payload: JobPayload<JobName>;
  readonly traceparent?: string | undefined;
  readonly triedBy?: readonly string[] | undefined;
}

export function sealPayload(
  payload: JobPayload<JobName>,
  { traceparent, triedBy = [] }: Pick<JobOptions, 'traceparent' | 'triedBy'> = {},
): JobEnvelope {
  return {
    v: version,
    payload,
    ...(traceparent !== undefined && { traceparent }),
    ...(triedBy.length > 0 && { triedBy }),
  };
}

/** Returns `undefined` for a payload that only another release can read. */
export function unsealPayload(data: unknown): JobPayload<JobName> | undefined {
  const { v, payload } = (data ?? {}) as Partial<JobEnvelope>;
  return v === version ? payload : undefined;
}

/** Returns the `traceparent` if it is text. The handler validates the content. */
export function traceparentOf(data: unknown): string | undefined {
  const { traceparent } = (data ?? {}) as Partial<JobEnvelope>;
  return typeof traceparent === 'string' ? traceparent : undefined;
}

/** Returns the ids of the workers that failed to do the job. */
export function triedByOf(data: unknown): readonly string[] {
  const { triedBy } = (data ?? {}) as Partial<JobEnvelope>;
  return Array.isArray(triedBy) ? triedBy.filter((id) => typeof id === 'string') : [];
}

interface WireError {
  /** Unset for an error that is not a CacheError. */
  readonly kind?: CacheErrorKind;
  readonly message: string;
  readonly detail?: unknown;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number | undefined;
}

/**
 * The outcome of a job, as JSON in a key of its own. BullMQ's own return value is not used, because it would stay in
 * the job and in the queue's event stream. A page of referrers may have megabytes, and no caller needs it after a few
 * seconds.
 */
type WireOutcome = { readonly result: JobResult<JobName> } | { readonly error: WireError };

/**
 * How long an outcome is stored. This is longer than a frontend needs to reconnect to Redis. A frontend that reconnects
 * later adds the job again.
 */
export const outcomeTtlMs = 15_000;

export function encodeResult(result: JobResult<JobName>): string {
  return JSON.stringify({ result } satisfies WireOutcome);
}

export function encodeError(thrown: unknown): string {
  return JSON.stringify({ error: toWire(thrown) } satisfies WireOutcome);
}

/** Returns the result. The caller knows that the name of the job is `N`. Throws the error of the handler. */
export function readOutcome<N extends JobName>(encoded: string): JobResult<N> {
  const outcome = JSON.parse(encoded) as WireOutcome;
  if ('error' in outcome) throw fromWire(outcome.error);
  return outcome.result;
}

function toWire(thrown: unknown): WireError {
  if (!(thrown instanceof CacheError)) return { message: thrown instanceof Error ? thrown.message : String(thrown) };
  const { kind, message, detail, retryable, retryAfterMs } = thrown;
  return { kind, message, detail, retryable, retryAfterMs };
}

function fromWire({ kind, message, detail, retryable = false, retryAfterMs }: WireError): Error {
  // A worker of a newer release may send a kind that this release does not know.
  if (kind === undefined || !cacheErrorKinds.includes(kind)) return new Error(message);
  return new CacheError(kind, message, { detail, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

export type JobProbe =
  | { readonly state: 'waiting' | 'running' }
  | { readonly state: 'ended'; readonly outcome: string }
  /**
   * The job will never end, or its outcome is lost. Its deduplication key is removed, so the job can be added again.
   */
  | { readonly state: 'lost' };

/**
 * The Lua script of a probe. A worker that runs a job renews `<job>:lock`. A job in the `active` list without a lock
 * has lost its worker. So has a job with a deferred failure (`defa`), which BullMQ has not yet recorded. While the lock
 * exists, the outcome does not count until the job has finished, because its deduplication key is still taken. If the
 * lock is lost, the job never finishes, so a stored outcome counts immediately. For a pending job the script records
 * the caller, so that the end of the job is announced to the caller.
 */
const script = `
local job, lock, outcome, active, dedup, askers = unpack(KEYS)

local function pending(state)
  redis.call('SADD', askers, ARGV[2])
  redis.call('PEXPIRE', askers, ARGV[3])
  return {state}
end

local unfinished = redis.call('EXISTS', job) == 1 and redis.call('HEXISTS', job, 'finishedOn') == 0
if unfinished and redis.call('EXISTS', lock) == 1 then return pending('running') end
local ended = redis.call('GET', outcome)
if unfinished and not ended and redis.call('HEXISTS', job, 'defa') == 0
  and not redis.call('LPOS', active, ARGV[1]) then return pending('waiting') end
if redis.call('GET', dedup) == ARGV[1] then redis.call('DEL', dedup) end
if ended then return {'ended', ended} end
return {'lost'}
`;

export interface ProbedJob {
  readonly queueName: JobQueueName;
  readonly id: string;
  readonly deduplicationId: string;
}

type WithProbe = RedisClient & {
  cisternProbeJob(...args: string[]): Promise<['waiting' | 'running' | 'lost'] | ['ended', string]>;
};

/**
 * Returns a function that reads the state of a job atomically from BullMQ's keys. The function also removes the
 * deduplication key of a job that was lost with its worker. BullMQ's own recovery would take tens of seconds and need a
 * free worker. If the job is pending, `callerId` receives a message on its channel when the job ends. Call
 * `createProbe` only once for each client. The function rejects with the errors of ioredis.
 */
export function createProbe(client: RedisClient, callerId: string): (job: ProbedJob) => Promise<JobProbe> {
  client.defineCommand('cisternProbeJob', { numberOfKeys: 6, lua: script });
  return async ({ queueName, id, deduplicationId }) => {
    const [state, outcome] = await (client as WithProbe).cisternProbeJob(
      queueName.key(id),
      queueName.key(`${id}:lock`),
      outcomeKey(queueName, id),
      queueName.key('active'),
      queueName.key(`de:${deduplicationId}`),
      callersKey(queueName, id),
      id,
      callerId,
      String(callersTtlMs),
    );
    return outcome === undefined ? ({ state } as JobProbe) : { state: 'ended', outcome };
  };
}

/** How long the callers of a job are recorded. Callers probe again much sooner, which extends this time. */
const callersTtlMs = 30_000;

/** The key of a set with the ids of the callers of a job. */
function callersKey(queueName: JobQueueName, jobId: string): string {
  return queueName.key(`${jobId}:askers`);
}

/** Announces the end of a job to all of its callers. Rejects with the errors of ioredis. */
export async function announceEnd(
  client: RedisClient,
  queueNames: JobQueueNames,
  queueName: JobQueueName,
  jobId: string,
): Promise<void> {
  const key = callersKey(queueName, jobId);
  const callers = await client.smembers(key);
  if (callers.length === 0) return;
  await Promise.all(callers.map((callerId) => client.publish(queueNames.channelOf(callerId), jobId)));
  await client.del(key);
}

export function outcomeKey(queueName: JobQueueName, jobId: string): string {
  return queueName.key(`${jobId}:outcome`);
}
