// A job of the simulated queue. Its payload and its result cross the network as JSON, as they do with Redis.
import { CacheError } from '@cistern/errors';
import type { JobClass, JobName, JobPayload, JobResult } from '@cistern/jobs';
import type { Turn } from './job-board.ts';

/** `lost`: how it ended will never be known. */
export type JobOutcome = { readonly result: JobResult<JobName> } | { readonly error: Error } | 'lost';

export interface JobRequest {
  readonly name: JobName;
  readonly payload: JobPayload<JobName>;
  readonly class: JobClass;
  readonly dedupKey: string;
  readonly traceparent?: string | undefined;
  readonly triedBy?: readonly string[] | undefined;
}

export interface QueuedJob extends JobRequest {
  /** Workers that could not do it. */
  triedBy: readonly string[];
  readonly outcome: PromiseWithResolvers<JobOutcome>;
  /** Set while a worker does it. */
  turn: Turn | undefined;
  isLost: boolean;
  failures: number;
  /** By workers that had tried it. */
  putBacks: number;
}

export function createJob(request: JobRequest): QueuedJob {
  return {
    ...request,
    payload: asJson(request.payload),
    triedBy: request.triedBy ?? [],
    putBacks: 0,
    outcome: Promise.withResolvers(),
    turn: undefined,
    isLost: false,
    failures: 0,
  };
}

export function outcomeOf(result: JobResult<JobName>): JobOutcome {
  return { result: asJson(result) };
}

/** As who waits gets it: whole if it is a CacheError, else its message. */
export function failureOf(error: unknown): JobOutcome {
  if (!(error instanceof CacheError))
    return { error: new Error(error instanceof Error ? error.message : String(error)) };
  const { kind, message, retryable, retryAfterMs } = error;
  const detail = error.detail === undefined ? undefined : asJson(error.detail);
  return {
    error: new CacheError(kind, message, { detail, retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) }),
  };
}

function asJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
