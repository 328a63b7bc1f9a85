// Decides whether a tag's record is fresh. A digest is immutable and never requested again. The upstream confirms a tag from time
// to time, and the last confirmation is served while the upstream is unavailable.
import { posix } from 'node:path';
import { CacheError, type CacheErrorKind, cacheErrorKinds, isCacheError } from '@cistern/errors';
import type { TagRecord } from '@cistern/index';
import { LRUCache } from 'lru-cache';

export interface FreshnessPolicy {
  /** How long a confirmed tag is served without a request to the upstream. 0 means always confirm, Infinity never. */
  readonly ttlMs: number;
  /** For how long after that the tag is served immediately and confirmed in the background. */
  readonly staleWhileRevalidateMs: number;
  /** For how long after `ttlMs` the tag is served while the upstream is unavailable; may be Infinity. */
  readonly staleIfErrorMs: number;
  /** Applies to a tag that the upstream no longer has, or no longer gives to us. */
  readonly onNotFound: 'keep' | 'forget';
  /** Applies instead of `onNotFound` to a tag that the upstream no longer gives to us. */
  readonly onDenied?: 'forget' | undefined;
}

interface FreshnessRule extends FreshnessPolicy {
  /** Globs as in a shell. A tag has no slash, so `*` matches any tag. */
  readonly tags: readonly string[];
}

export type PolicyOf = (upstream: string, tag: string) => FreshnessPolicy;

/** `failed-recently` means that the failure of the last try still holds. */
export type Freshness = 'fresh' | 'revalidate-behind' | 'failed-recently' | 'expired';

/** The time between a failed try and the next one, for all nodes together. */
export const retryAfterFailureMs = 10_000;

/** How far a timestamp may be ahead of this node's reading of the cluster's clock. */
const toleratedMs = 2_000;

/** How many matches of tags are cached, because each match costs microseconds. */
const maxMatched = 2000;

const alwaysConfirm: FreshnessPolicy = {
  ttlMs: 0,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: Infinity,
  onNotFound: 'keep',
};

const refusals: ReadonlySet<string> = new Set<CacheErrorKind>(['manifest-unknown', 'name-unknown', 'denied']);

/**
 * Returns the milliseconds since a timestamp of any node. A timestamp in the future counts as expired: older releases used the
 * clock of their machine.
 */
export function elapsedMs(stampMs: number, nowMs: number): number {
  return stampMs > nowMs + toleratedMs ? Infinity : Math.max(0, nowMs - stampMs);
}

/** `maxAgeMs` is the client's limit. An older record is served only if it cannot be confirmed. */
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

/** Returns how long the failure of the last try holds, in milliseconds. A refusal holds as long as a confirmation does. */
export function failureHoldsForMs(
  { lastFailure, lastTriedAtMs }: Pick<TagRecord, 'lastTriedAtMs' | 'lastFailure'>,
  { ttlMs }: FreshnessPolicy,
  nowMs: number,
): number {
  if (lastFailure === undefined) return 0;
  const forMs = isRefusal(lastFailure) ? Math.max(ttlMs, retryAfterFailureMs) : retryAfterFailureMs;
  return forMs - elapsedMs(lastTriedAtMs, nowMs);
}

/** Returns the milliseconds since the last confirmation. A tag without a confirmation is as old as its record. */
export function ageOf(record: Pick<TagRecord, 'checkedAtMs' | 'firstSeenAtMs'>, nowMs: number): number {
  return Math.max(0, nowMs - (record.checkedAtMs || record.firstSeenAtMs));
}

export function mayServeOnError(
  ageMs: number,
  { ttlMs, staleIfErrorMs }: Omit<FreshnessPolicy, 'staleWhileRevalidateMs' | 'onNotFound'>,
): boolean {
  return ageMs < ttlMs + staleIfErrorMs;
}

/** Returns whether the upstream answered that the content does not exist or is denied. Other errors do not concern the tag. */
export function isRefusal(kind: string): boolean {
  return refusals.has(kind);
}

/** Returns whether a tag or a list is forgotten after this error. */
export function isForgottenFor(error: unknown, { onNotFound, onDenied }: FreshnessPolicy): boolean {
  if (!isCacheError(error) || !isRefusal(error.kind)) return false;
  // Docker Hub answers 401 for private repositories.
  const isDenied = error.kind === 'denied' || (error.detail as { status?: number } | undefined)?.status === 401;
  return (isDenied ? (onDenied ?? onNotFound) : onNotFound) === 'forget';
}

export function failureKindOf(error: unknown): string {
  return isCacheError(error) ? error.kind : 'unknown';
}

/** Creates the error for a try that failed a moment ago. The next try may follow after `retryAfterMs`. */
export function recentFailure(upstream: string, kind: string, retryAfterMs: number): CacheError {
  const known = cacheErrorKinds.find((one) => one === kind) ?? 'upstream-unreachable';
  return new CacheError(known, messageOf(upstream, kind), { detail: { upstream }, retryAfterMs });
}

function messageOf(upstream: string, kind: string): string {
  if (isRefusal(kind)) return `${upstream} answered a moment ago that this does not exist or that access is denied.`;
  const isOurs = ownFailures.has(kind);
  const reason = isOurs
    ? `This cache failed to confirm it a moment ago (${kind})`
    : `A request to ${upstream} failed a moment ago`;
  return `${reason}. Try again in some seconds.`;
}

/** These are failures of the cache. */
const ownFailures: ReadonlySet<string> = new Set(['store-unavailable', 'index-unavailable', 'overloaded']);

/** Returns a function that finds a tag's policy: the first rule of its upstream with a matching pattern. */
export function createFreshnessPolicies(
  upstreams: readonly {
    readonly name: string;
    readonly freshness: readonly FreshnessRule[];
    /** Forgets tags that the upstream no longer gives to us, regardless of the rules. */
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
    // An upstream's name has no slash.
    const key = `${upstream}/${tag}`;
    const known = matched.get(key);
    if (known !== undefined) return known;
    const policy = find(upstream, tag);
    matched.set(key, policy);
    return policy;
  };
}
