// The layout of jobs in Redis. There are four separate queues: interactive and background, each for blobs and for short
// jobs. The keys of a queue share a hash tag. So a Redis Cluster spreads the queues, and every script stays inside one
// slot.
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
  /** Returns the key of this kind, or of the job with this id, as BullMQ builds it. */
  key(suffix: string): string;
}

export type JobQueueNames = ReturnType<typeof createQueueNames>;

/** `keyPrefix` separates this cache's keys from others in the same Redis. */
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
     * Returns the channel on which workers announce to a caller which of its jobs has ended. The message is the job's
     * id.
     */
    channelOf: (callerId: string): string => `${keyPrefix}jobs-ended:${callerId}`,
  };
}

/** Returns the deduplication id. Two jobs of a queue with the same id are one job. */
export function deduplicationIdOf(name: JobName, dedupKey: string): string {
  return `${name} ${dedupKey}`;
}

const version = 1;

/**
 * The payload of a job in Redis, with the version of its format. During an update, releases of two versions share the
 * queues.
 */
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

/** Returns the `traceparent` if it is text. Its user validates the content. */
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
 * The outcome of a job, as JSON in a key of its own. BullMQ's return value would stay in the job and in the queue's
 * event stream. A page of referrers may be megabytes, and has no reader after a few seconds.
 */
type WireOutcome = { readonly result: JobResult<JobName> } | { readonly error: WireError };

/** Longer than a frontend needs to reconnect to Redis. A frontend that is later adds the job again. */
export const outcomeTtlMs = 15_000;

export function encodeResult(result: JobResult<JobName>): string {
  return JSON.stringify({ result } satisfies WireOutcome);
}

export function encodeError(thrown: unknown): string {
  return JSON.stringify({ error: toWire(thrown) } satisfies WireOutcome);
}

/** Returns the result, which the caller knows to be of the job `N`. Throws the error of the handler. */
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
  /** The job will never end, or its outcome is lost. Its key is free, so it can be added again. */
  | { readonly state: 'lost' };

/**
 * A running worker renews `<job>:lock`. A job in the `active` list without a lock has lost its worker. So has a job
 * with a deferred failure (`defa`), which only waits to be failed. The outcome counts only after the job has finished,
 * because until then its deduplication key is taken. If the lock is lost, the job never finishes. The script records
 * the caller of a pending job, so that its end is announced.
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
 * Returns a function that reads the state of a job atomically from BullMQ's keys. It also frees the deduplication key
 * of a job that was lost with its worker. BullMQ's own recovery needs a free worker and tens of seconds for that. When
 * a job that it has found pending ends, `callerId` receives a message on its channel. Call it once for a client. The
 * function rejects as the client does.
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

/** Callers probe again much sooner, which extends it. */
const callersTtlMs = 30_000;

/** The key of a set with the ids of the callers of a job. */
function callersKey(queueName: JobQueueName, jobId: string): string {
  return queueName.key(`${jobId}:askers`);
}

/** Announces the end of a job to all of its callers. Rejects as the client does. */
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
