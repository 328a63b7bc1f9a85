// What a tag's record is worth now. A digest is immutable and never asked for again; a tag is confirmed by upstream once in
// a while, and what upstream was last heard to say is worth something when it cannot be asked.
import type { TagRecord } from '@cistern/index';
import { isRefusal } from './last-failure.ts';

export interface FreshnessPolicy {
  /** How long a confirmed tag is served without asking upstream; 0: always ask; Infinity: never. */
  readonly ttlMs: number;
  /** For how long after that it is served at once, and confirmed behind the answer. */
  readonly staleWhileRevalidateMs: number;
  /** For how long after `ttlMs` it is served while upstream cannot be asked; may be Infinity. */
  readonly staleIfErrorMs: number;
  /** Of a tag that upstream no longer has, or no longer gives to us. */
  readonly onNotFound: 'keep' | 'forget';
  /** Of one that it no longer gives to us, where that is not the same. */
  readonly onDenied?: 'forget' | undefined;
}

/** `failed-lately`: what the last try brought holds a moment longer. */
export type Freshness = 'fresh' | 'revalidate-behind' | 'failed-lately' | 'expired';

/** After a try that failed the next one is so far away, on all nodes together. */
export const retryAfterFailureMs = 10_000;

/** `maxAgeMs`: of the client, who takes nothing older unless it cannot be had. */
export function freshnessOf(
  record: Pick<TagRecord, 'origin' | 'checkedAtMs' | 'lastTriedAtMs' | 'lastFailure'>,
  policy: FreshnessPolicy,
  { nowMs, maxAgeMs = Infinity }: { readonly nowMs: number; readonly maxAgeMs?: number | undefined },
): Freshness {
  const sinceCheckedMs = record.origin === 'upstream' ? nowMs - record.checkedAtMs : Infinity;
  const { ttlMs, staleWhileRevalidateMs } = policy;
  if (sinceCheckedMs < Math.min(ttlMs, maxAgeMs)) return 'fresh';
  if (record.lastFailure !== undefined && nowMs - record.lastTriedAtMs < waitAfter(record.lastFailure, policy))
    return 'failed-lately';
  const mayWait = sinceCheckedMs < ttlMs + staleWhileRevalidateMs && sinceCheckedMs < maxAgeMs;
  return mayWait ? 'revalidate-behind' : 'expired';
}

/** A no is an answer too, and as good for as long. */
function waitAfter(lastFailure: string, { ttlMs }: FreshnessPolicy): number {
  return isRefusal(lastFailure) ? Math.max(ttlMs, retryAfterFailureMs) : retryAfterFailureMs;
}

/** Since upstream last confirmed it, in milliseconds. Never confirmed means as old as its first sight here. */
export function ageOf(record: Pick<TagRecord, 'checkedAtMs' | 'firstSeenAtMs'>, nowMs: number): number {
  return Math.max(0, nowMs - (record.checkedAtMs || record.firstSeenAtMs));
}

export function mayServeOnError(
  ageMs: number,
  { ttlMs, staleIfErrorMs }: Omit<FreshnessPolicy, 'staleWhileRevalidateMs' | 'onNotFound'>,
): boolean {
  return ageMs < ttlMs + staleIfErrorMs;
}
