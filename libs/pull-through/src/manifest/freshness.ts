// What a tag record is worth now. A digest is immutable and never asked for again; a tag is confirmed by upstream once in
// `ttlMs`.
import type { TagRecord } from '@cistern/cache-index';

export interface FreshnessPolicy {
  /** How long a confirmed tag is served without asking upstream; 0: always ask; Infinity: never. */
  readonly ttlMs: number;
}

export type Freshness = 'fresh' | 'expired' | 'failed-lately';

/** After a failed try the record is served stale for this long before the next try. */
const retryAfterFailureMs = 10_000;

export function freshnessOf(record: TagRecord, { ttlMs }: FreshnessPolicy, nowMs: number): Freshness {
  if (record.origin === 'upstream' && nowMs - record.checkedAtMs < ttlMs) return 'fresh';
  const failedLately = record.lastFailure !== undefined && nowMs - record.lastTriedAtMs < retryAfterFailureMs;
  return failedLately ? 'failed-lately' : 'expired';
}
