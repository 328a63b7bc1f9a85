// A job of the simulated queue. Its payload and its result cross the network as JSON, as they do with Redis.
import { CacheError } from '@cistern/errors';
import type { JobClass, JobName, JobPayload, JobResult } from '@cistern/jobs';
import type { Turn } from './job-board.ts';

/** `lost` means that the outcome can never be known. */
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
  /** Ids of the workers that failed to do the job. */
  triedBy: readonly string[];
  readonly outcome: PromiseWithResolvers<JobOutcome>;
  /** Set while a worker runs the job. */
  turn: Turn | undefined;
  isLost: boolean;
  failures: number;
  /** Number of times that a worker put the job back because it had already tried the job. */
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

/** The error as the waiting client receives it: a CacheError crosses whole, any other error as its message. */
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
