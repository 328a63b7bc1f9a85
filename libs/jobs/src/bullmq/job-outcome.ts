// How a job has ended, as JSON in a key of its own. It is not BullMQ's return value, which would stay in the job and in
// the queue's event stream: a page of referrers may be megabytes, and nobody reads it after a few seconds.
import { CacheError, type CacheErrorKind, cacheErrorKinds } from '@cistern/errors';
import type { JobName, JobResult } from '../catalogue.ts';

interface WireError {
  /** Absent for an error that is no CacheError. */
  readonly kind?: CacheErrorKind;
  readonly message: string;
  readonly detail?: unknown;
  readonly retryable?: boolean;
  readonly retryAfterMs?: number | undefined;
}

type WireOutcome = { readonly result: JobResult<JobName> } | { readonly error: WireError };

/** Longer than a frontend needs to come back to Redis; whoever comes later asks again. */
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
