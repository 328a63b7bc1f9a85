// Decides whether a tag's record is fresh. A tag can move, so the upstream must confirm it from time to time. While the
// upstream is unavailable, the last confirmed digest is served. A digest is immutable, so it needs no confirmation.
import { posix } from 'node:path';
import { CacheError, type CacheErrorKind, cacheErrorKinds, isCacheError } from '@cistern/errors';
import type { TagRecord } from '@cistern/index';
import { LRUCache } from 'lru-cache';

export interface FreshnessPolicy {
  /**
   * How long a confirmed tag is served without a request to the upstream. 0 means that each pull confirms the tag. Infinity
   * means that none does.
   */
  readonly ttlMs: number;
  /** How long after `ttlMs` the tag is served immediately and confirmed in the background. */
  readonly staleWhileRevalidateMs: number;
  /** How long after `ttlMs` the tag is served while the upstream is unavailable. May be Infinity. */
  readonly staleIfErrorMs: number;
  /** The treatment of a tag that the upstream no longer has, or to which it denies access. */
  readonly onNotFound: 'keep' | 'forget';
  /** The treatment of a tag to which the upstream denies access. Unset means that `onNotFound` applies. */
  readonly onDenied?: 'forget' | undefined;
}

interface FreshnessRule extends FreshnessPolicy {
  /** Patterns of tags, with globs as in a shell. A tag has no slash, so `*` matches any tag. */
  readonly tags: readonly string[];
}

export type PolicyOf = (upstream: string, tag: string) => FreshnessPolicy;

/** `failed-recently` means that the last try failed and no other try is due yet. */
export type Freshness = 'fresh' | 'revalidate-behind' | 'failed-recently' | 'expired';

/** The time between a failed try and the next one. All nodes share it. */
export const retryAfterFailureMs = 10_000;

/** How far a timestamp may be in the future, because each node reads the cluster's clock with a small error. */
const toleratedMs = 2_000;

/** How many policies of tags are cached. They are cached because each match of a pattern takes microseconds. */
const maxMatched = 2000;

const alwaysConfirm: FreshnessPolicy = {
  ttlMs: 0,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: Infinity,
  onNotFound: 'keep',
};

const refusals: ReadonlySet<string> = new Set<CacheErrorKind>(['manifest-unknown', 'name-unknown', 'denied']);

/**
 * Returns the milliseconds since a timestamp of any node. A timestamp in the future counts as expired, because older releases
 * wrote the time of their own machine.
 */
export function elapsedMs(stampMs: number, nowMs: number): number {
  return stampMs > nowMs + toleratedMs ? Infinity : Math.max(0, nowMs - stampMs);
}

/**
 * Returns the freshness of a record. `maxAgeMs` is the client's limit of its age. An older record is served only if it cannot
 * be confirmed.
 */
export function freshnessOf(
  record: Pick<TagRecord, 'origin' | 'checkedAtMs' | 'lastTriedAtMs' | 'lastFailure'>,
  policy: FreshnessPolicy,
  { nowMs, maxAgeMs = Infinity }: { readonly nowMs: number; readonly maxAgeMs?: number | undefined },
): Freshness {
  const sinceCheckedMs = record.origin === 'upstream' ? elapsedMs(record.checkedAtMs, nowMs) : Infinity;
  const { ttlMs, staleWhileRevalidateMs } = policy;
  if (sinceCheckedMs < Math.min(ttlMs, maxAgeMs)) return 'fresh';
  if (failureHoldsForMs(record, policy, nowMs) > 0) return 'failed-recently';
  const mayWait = sinceCheckedMs < ttlMs + staleWhileRevalidateMs && sinceCheckedMs < maxAgeMs;
  return mayWait ? 'revalidate-behind' : 'expired';
}

/**
 * Returns the milliseconds until the next try after a failed one. 0 or less means that a try is due. A refusal is trusted as
 * long as a confirmation.
 */
export function failureHoldsForMs(
  { lastFailure, lastTriedAtMs }: Pick<TagRecord, 'lastTriedAtMs' | 'lastFailure'>,
  { ttlMs }: FreshnessPolicy,
  nowMs: number,
): number {
  if (lastFailure === undefined) return 0;
  const forMs = isRefusal(lastFailure) ? Math.max(ttlMs, retryAfterFailureMs) : retryAfterFailureMs;
  return forMs - elapsedMs(lastTriedAtMs, nowMs);
}

/** Returns the milliseconds since the last confirmation, or since the record was written if the tag was never confirmed. */
export function ageOf(record: Pick<TagRecord, 'checkedAtMs' | 'firstSeenAtMs'>, nowMs: number): number {
  return Math.max(0, nowMs - (record.checkedAtMs || record.firstSeenAtMs));
}

export function mayServeOnError(
  ageMs: number,
  { ttlMs, staleIfErrorMs }: Omit<FreshnessPolicy, 'staleWhileRevalidateMs' | 'onNotFound'>,
): boolean {
  return ageMs < ttlMs + staleIfErrorMs;
}

/**
 * Returns whether the error means that the upstream does not have the content or denies access to it. Other errors say nothing
 * about the content.
 */
export function isRefusal(kind: string): boolean {
  return refusals.has(kind);
}

/** Returns whether the policy forgets a tag after this error. */
export function isForgottenFor(error: unknown, { onNotFound, onDenied }: FreshnessPolicy): boolean {
  if (!isCacheError(error) || !isRefusal(error.kind)) return false;
  // Docker Hub responds with 401 for private repositories, so 401 counts as a denial.
  const isDenied = error.kind === 'denied' || (error.detail as { status?: number } | undefined)?.status === 401;
  return (isDenied ? (onDenied ?? onNotFound) : onNotFound) === 'forget';
}

export function failureKindOf(error: unknown): string {
  return isCacheError(error) ? error.kind : 'unknown';
}

/** Creates the error for a request while the failure of the last try counts. The next try is possible after `retryAfterMs`. */
export function recentFailure(upstream: string, kind: string, retryAfterMs: number): CacheError {
  const known = cacheErrorKinds.find((one) => one === kind) ?? 'upstream-unreachable';
  return new CacheError(known, messageOf(upstream, kind), { detail: { upstream }, retryAfterMs });
}

function messageOf(upstream: string, kind: string): string {
  if (isRefusal(kind))
    return `${upstream} responded a moment ago that this content does not exist or that access is denied.`;
  const isOurs = ownFailures.has(kind);
  const reason = isOurs
    ? `This cache failed to confirm the content a moment ago (${kind})`
    : `A request to ${upstream} failed a moment ago`;
  return `${reason}. Try again in some seconds.`;
}

/** The kinds of failures that are of the cache itself, not of the upstream. */
const ownFailures: ReadonlySet<string> = new Set(['store-unavailable', 'index-unavailable', 'overloaded']);

/** Returns a function that finds a tag's policy, which is the first rule of its upstream with a matching pattern. */
export function createFreshnessPolicies(
  upstreams: readonly {
    readonly name: string;
    readonly freshness: readonly FreshnessRule[];
    /** True if tags to which the upstream denies access are forgotten, regardless of the rules. */
    readonly forgetsDenied?: boolean | undefined;
  }[],
): PolicyOf {
  const rules = new Map(
    upstreams.map(({ name, freshness, forgetsDenied = false }) => [
      name,
      forgetsDenied ? freshness.map((rule) => ({ ...rule, onDenied: 'forget' as const })) : freshness,
    ]),
  );
  const find = (upstream: string, tag: string): FreshnessPolicy =>
    rules.get(upstream)?.find(({ tags }) => tags.some((pattern) => posix.matchesGlob(tag, pattern))) ?? alwaysConfirm;
  const matched = new LRUCache<string, FreshnessPolicy>({ max: maxMatched });
  return (upstream, tag) => {
    // The key is unambiguous, because an upstream's name has no slash.
    const key = `${upstream}/${tag}`;
    const known = matched.get(key);
    if (known !== undefined) return known;
    const policy = find(upstream, tag);
    matched.set(key, policy);
    return policy;
  };
}
