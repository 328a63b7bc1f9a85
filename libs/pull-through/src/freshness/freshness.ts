// Freshness of a tag's record. A digest is immutable and never requested again; upstream confirms a tag once in a while, and its
// last answer is worth something while it is unavailable.
import { posix } from 'node:path';
import { CacheError, type CacheErrorKind, cacheErrorKinds, isCacheError } from '@cistern/errors';
import type { TagRecord } from '@cistern/index';
import { LRUCache } from 'lru-cache';

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

interface FreshnessRule extends FreshnessPolicy {
  /** Globs as a shell has them. A tag holds no slash, so `*` is any of it. */
  readonly tags: readonly string[];
}

export type PolicyOf = (upstream: string, tag: string) => FreshnessPolicy;

/** `failed-lately`: what the last try brought holds a moment longer. */
export type Freshness = 'fresh' | 'revalidate-behind' | 'failed-lately' | 'expired';

/** After a try that failed the next one is so far away, on all nodes together. */
export const retryAfterFailureMs = 10_000;

/** So much may a stamp be ahead of this node's reading of the clock that all nodes share. */
const toleratedMs = 2_000;

/** Tags have been matched already when they are popular; a match costs microseconds. */
const maxMatched = 2000;

const alwaysAsk: FreshnessPolicy = {
  ttlMs: 0,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: Infinity,
  onNotFound: 'keep',
};

const refusals: ReadonlySet<string> = new Set<CacheErrorKind>(['manifest-unknown', 'name-unknown', 'denied']);

/**
 * Since a stamp of any node, in milliseconds. A stamp from the future counts as expired. Older releases stamped by the clock of
 * their machine.
 */
export function elapsedMs(stampMs: number, nowMs: number): number {
  return stampMs > nowMs + toleratedMs ? Infinity : Math.max(0, nowMs - stampMs);
}

/** `maxAgeMs`: of the client, who takes nothing older unless it cannot be had. */
export function freshnessOf(
  record: Pick<TagRecord, 'origin' | 'checkedAtMs' | 'lastTriedAtMs' | 'lastFailure'>,
  policy: FreshnessPolicy,
  { nowMs, maxAgeMs = Infinity }: { readonly nowMs: number; readonly maxAgeMs?: number | undefined },
): Freshness {
  const sinceCheckedMs = record.origin === 'upstream' ? elapsedMs(record.checkedAtMs, nowMs) : Infinity;
  const { ttlMs, staleWhileRevalidateMs } = policy;
  if (sinceCheckedMs < Math.min(ttlMs, maxAgeMs)) return 'fresh';
  if (failureHoldsForMs(record, policy, nowMs) > 0) return 'failed-lately';
  const mayWait = sinceCheckedMs < ttlMs + staleWhileRevalidateMs && sinceCheckedMs < maxAgeMs;
  return mayWait ? 'revalidate-behind' : 'expired';
}

/** How long what the last try brought holds, if it failed. A no is an answer too, and as good for as long. */
export function failureHoldsForMs(
  { lastFailure, lastTriedAtMs }: Pick<TagRecord, 'lastTriedAtMs' | 'lastFailure'>,
  { ttlMs }: FreshnessPolicy,
  nowMs: number,
): number {
  if (lastFailure === undefined) return 0;
  const forMs = isRefusal(lastFailure) ? Math.max(ttlMs, retryAfterFailureMs) : retryAfterFailureMs;
  return forMs - elapsedMs(lastTriedAtMs, nowMs);
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

/** Upstream has been asked and says that it is not there, or not for us. Anything else says nothing about the tag. */
export function isRefusal(kind: string): boolean {
  return refusals.has(kind);
}

/** Whether a tag or a list is forgotten after this refusal. */
export function isForgottenFor(error: unknown, { onNotFound, onDenied }: FreshnessPolicy): boolean {
  if (!isCacheError(error) || !isRefusal(error.kind)) return false;
  // Docker Hub answers 401 for private repositories.
  const isDenied = error.kind === 'denied' || (error.detail as { status?: number } | undefined)?.status === 401;
  return (isDenied ? (onDenied ?? onNotFound) : onNotFound) === 'forget';
}

export function failureKindOf(error: unknown): string {
  return isCacheError(error) ? error.kind : 'unknown';
}

/** The error of the try that failed a moment ago. The next try may come after `retryAfterMs`. */
export function failedLately(upstream: string, kind: string, retryAfterMs: number): CacheError {
  const known = cacheErrorKinds.find((one) => one === kind) ?? 'upstream-unreachable';
  return new CacheError(known, messageOf(upstream, kind), { detail: { upstream }, retryAfterMs });
}

function messageOf(upstream: string, kind: string): string {
  if (isRefusal(kind)) return `${upstream} said a moment ago that it does not have this, or that it is not for us.`;
  const isOurs = ownFailures.has(kind);
  const what = isOurs
    ? `This cache could not confirm it a moment ago (${kind})`
    : `${upstream} could not be asked a moment ago`;
  return `${what}. Try again in some seconds.`;
}

/** These are failures of the cache. */
const ownFailures: ReadonlySet<string> = new Set(['store-unavailable', 'index-unavailable', 'overloaded']);

/** The policy of a tag is the first rule of its upstream whose patterns match. */
export function createFreshnessPolicies(
  upstreams: readonly {
    readonly name: string;
    readonly freshness: readonly FreshnessRule[];
    /** Tags that it no longer gives to us are forgotten, whatever the rules say. */
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
    rules.get(upstream)?.find(({ tags }) => tags.some((pattern) => posix.matchesGlob(tag, pattern))) ?? alwaysAsk;
  const matched = new LRUCache<string, FreshnessPolicy>({ max: maxMatched });
  return (upstream, tag) => {
    // An upstream's name holds no slash.
    const key = `${upstream}/${tag}`;
    const known = matched.get(key);
    if (known !== undefined) return known;
    const policy = find(upstream, tag);
    matched.set(key, policy);
    return policy;
  };
}
