// How jobs are stored in Redis. There are four queues: interactive and background, blobs and others, apart from one another. A
// queue's keys share a hash tag of its own, so that a Redis Cluster spreads the queues and every script stays inside one slot.
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
  /** The key of this kind, or of the job with this id, as BullMQ builds it. */
  key(suffix: string): string;
}

export type JobQueueNames = ReturnType<typeof createQueueNames>;

/** `keyPrefix` sets this cache's keys apart from others in the same Redis. */
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
    /** Where workers announce to an asker which of its jobs has ended. The message is the job's id. */
    channelOf: (asker: string): string => `${keyPrefix}jobs-ended:${asker}`,
  };
}

/** Two jobs of a queue with the same one are one job. */
export function deduplicationIdOf(name: JobName, dedupKey: string): string {
  return `${name} ${dedupKey}`;
}

const version = 1;

/**
 * A payload on its way through Redis, with the version of its shape. Releases of two versions share the queues for as
 * long as an update takes.
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

/** `undefined` for what only another release can read. */
export function unsealPayload(data: unknown): JobPayload<JobName> | undefined {
  const { v, payload } = (data ?? {}) as Partial<JobEnvelope>;
  return v === version ? payload : undefined;
}

/** Only text: what it says is looked at by who uses it. */
export function traceparentOf(data: unknown): string | undefined {
  const { traceparent } = (data ?? {}) as Partial<JobEnvelope>;
  return typeof traceparent === 'string' ? traceparent : undefined;
}

/** Workers that could not do the job. */
export function triedByOf(data: unknown): readonly string[] {
  const { triedBy } = (data ?? {}) as Partial<JobEnvelope>;
  return Array.isArray(triedBy) ? triedBy.filter((id) => typeof id === 'string') : [];
}

interface WireError {
  /** Unset for an error that is no CacheError. */
  readonly kind?: CacheErrorKind;
  readonly message: string;
  readonly detail?: unknown;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number | undefined;
}

/**
 * The end of a job, as JSON in a key of its own. BullMQ's return value would stay in the job and in the queue's event stream. A
 * page of referrers may be megabytes, and has no reader after a few seconds.
 */
type WireOutcome = { readonly result: JobResult<JobName> } | { readonly error: WireError };

/** Longer than a frontend needs to reach Redis again; one that comes later adds the job again. */
export const outcomeTtlMs = 15_000;

export function encodeResult(result: JobResult<JobName>): string {
  return JSON.stringify({ result } satisfies WireOutcome);
}

export function encodeError(thrown: unknown): string {
  return JSON.stringify({ error: toWire(thrown) } satisfies WireOutcome);
}

/** The result, which the caller knows to be of the job `N`. Throws what the handler threw. */
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
  // A worker of a newer release may know kinds that this one does not.
  if (kind === undefined || !cacheErrorKinds.includes(kind)) return new Error(message);
  return new CacheError(kind, message, { detail, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}

export type JobProbe =
  | { readonly state: 'waiting' | 'running' }
  | { readonly state: 'ended'; readonly outcome: string }
  /** It will not end any more, or its outcome is lost. Its key is free: add it again. */
  | { readonly state: 'lost' };

/**
 * A running worker keeps `<job>:lock` alive. Without a lock, a job in the `active` list has lost its worker. So has
 * one marked with a deferred failure (`defa`), which waits only to be failed. The outcome counts once the job has
 * finished, because until then its deduplication key is taken; if the lock is lost it never will finish. It notes the asker of a
 * pending job, for the announcement of its end.
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
 * A function that finds out what has become of a job, in one atomic look at BullMQ's keys. It also frees the deduplication key of a
 * job that was lost with its worker. BullMQ's own recovery needs a free worker and tens of seconds for that. `asker`: hears on
 * its channel when a job that it has found pending ends. Call once for a client; the function rejects as the client does.
 */
export function createProbe(client: RedisClient, asker: string): (job: ProbedJob) => Promise<JobProbe> {
  client.defineCommand('cisternProbeJob', { numberOfKeys: 6, lua: script });
  return async ({ queueName, id, deduplicationId }) => {
    const [state, outcome] = await (client as WithProbe).cisternProbeJob(
      queueName.key(id),
      queueName.key(`${id}:lock`),
      outcomeKey(queueName, id),
      queueName.key('active'),
      queueName.key(`de:${deduplicationId}`),
      askersKey(queueName, id),
      id,
      asker,
      String(askersTtlMs),
    );
    return outcome === undefined ? ({ state } as JobProbe) : { state: 'ended', outcome };
  };
}

/** Askers look again much sooner, which prolongs it. */
const askersTtlMs = 30_000;

/** Set: who has asked about the job. */
function askersKey(queueName: JobQueueName, jobId: string): string {
  return queueName.key(`${jobId}:askers`);
}

/** Announces to all askers of a job that it has ended. Rejects as the client does. */
export async function announceEnd(
  client: RedisClient,
  queueNames: JobQueueNames,
  queueName: JobQueueName,
  jobId: string,
): Promise<void> {
  const key = askersKey(queueName, jobId);
  const askers = await client.smembers(key);
  if (askers.length === 0) return;
  await Promise.all(askers.map((asker) => client.publish(queueNames.channelOf(asker), jobId)));
  await client.del(key);
}

export function outcomeKey(queueName: JobQueueName, jobId: string): string {
  return queueName.key(`${jobId}:outcome`);
}
