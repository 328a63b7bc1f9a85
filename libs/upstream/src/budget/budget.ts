// The types and pure functions for the pulls that upstreams allow. A revalidation that would use the last pulls is not
// sent, so the cached copy is served stale. If there are several credentials, the one with the most pulls left is used
// (decision 0018).
import type { CallPurpose, RateLimit } from '../upstream.ts';

/**
 * Small values that the workers of a cluster share through the index. If a value cannot be read or written, budgets are
 * only less accurate.
 */
export interface SharedValues {
  get(name: string): Promise<string | undefined>;
  put(name: string, value: string, ttlMs: number): Promise<void>;
}

export interface BudgetLedger {
  open(endpoint: BudgetEndpoint): EndpointBudget;
  /**
   * Returns the budgets that this process knows, without reading the shared values. Registries that have reported no
   * limit are omitted.
   */
  known(): readonly KnownBudget[];
}

/**
 * The budget of an account, or the pause of a registry that has reported no limit. Times are milliseconds since the
 * epoch.
 */
export interface KnownBudget {
  readonly upstream: string;
  /** Host and port. */
  readonly endpoint: string;
  /** Unset means all accounts. */
  readonly account?: string | undefined;
  /** The owner of the budget, as the upstream reports it: Docker Hub counts anonymous pulls by address. */
  readonly source?: string | undefined;
  readonly limit?: number | undefined;
  readonly remaining?: number | undefined;
  readonly reserve?: number | undefined;
  readonly windowMs?: number | undefined;
  /** When the upstream reported it. */
  readonly reportedAtMs: number;
  /** No request is sent before this time. */
  readonly backedOffUntilMs?: number | undefined;
}

export interface BudgetEndpoint {
  readonly upstream: string;
  /** Host and port. */
  readonly endpoint: string;
  /** Pulls that are reserved for cold misses. `undefined` means a fifth of the limit. */
  readonly reserve: number | undefined;
  /** Returns false if the metrics must no longer show this budget, because a reload has replaced it. Default: always true. */
  readonly isCurrent?: (() => boolean) | undefined;
}

/** The budget of one registry, for all of its accounts. */
export interface EndpointBudget {
  /**
   * Chooses the account for the call from `accounts`, which contains at least one name. Rejects with
   * `upstream-rate-limited` during a pause, or if no pulls are left for this call.
   */
  admit(call: BudgetCall, accounts: readonly string[]): Promise<string>;
  /** Records a response that reports the pulls left. */
  report(account: string, rateLimit: RateLimit, requestedAtMs: number): Promise<void>;
  /**
   * Records a 429 with a rate limit, which means that no pulls are left. Resolves to the milliseconds until the account
   * is tried again.
   */
  exhausted(account: string, rateLimit: RateLimit, answer: Refusal): Promise<number>;
  /**
   * Records a 429 without a rate limit, which means too many requests by any account. All processes pause their
   * requests to the registry. Resolves to the milliseconds until this process resumes.
   */
  throttled(answer: Refusal): Promise<number>;
  /** Removes the budget from those that the ledger knows. */
  close(): void;
}

export interface BudgetCall {
  readonly purpose: CallPurpose;
  /**
   * `pull` is a GET of a manifest, which the upstream counts. `look` is a HEAD of a manifest, which is not counted and
   * whose response reports the pulls left. When none are left, it is not sent either. `other` is never counted, and is
   * refused only during a pause.
   */
  readonly kind: 'pull' | 'look' | 'other';
}

/** A 429 answer. */
export interface Refusal {
  readonly requestedAtMs: number;
  readonly retryAfterMs: number | undefined;
}

/** The budget of one account as seen from one address, because Docker Hub counts anonymous pulls by address. */
export interface Budget {
  readonly limit: number | undefined;
  readonly remaining: number;
  readonly windowMs: number;
  /** Milliseconds since the epoch, as are all times here. */
  readonly reportedAtMs: number;
  /** The upstream's own `Retry-After`. */
  readonly notBeforeMs?: number | undefined;
}

/**
 * Returns the report that counts. Responses to overlapping requests arrive in any order, so the one with fewer pulls
 * left counts. A report with more pulls left shows a new rate-limit period only if its request was sent after the known
 * report arrived.
 */
export function mergeBudget(known: Budget | undefined, reported: Budget, requestedAtMs: number): Budget {
  if (known === undefined || reported.remaining <= known.remaining || requestedAtMs >= known.reportedAtMs)
    return reported;
  return hasEnded(known, reported.reportedAtMs) ? reported : known;
}

/** Returns the later of two reports about the same budget, from different processes. */
export function laterBudget(one: Budget | undefined, other: Budget | undefined): Budget | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.reportedAtMs > one.reportedAtMs ? other : one;
}

/** Reports whether the rate-limit period of a budget is over, so that its numbers are no longer valid. */
export function hasEnded(budget: Budget, nowMs: number): boolean {
  return nowMs - budget.reportedAtMs >= budget.windowMs;
}

/** Returns the pulls that are reserved for cold misses: the configured number, or a fifth of the limit. */
export function reserveOf(budget: Budget, configured: number | undefined): number {
  return configured ?? Math.ceil((budget.limit ?? 0) / 5);
}

/**
 * A time without requests to a registry that has throttled us (429). Each further 429 in a row makes the next pause
 * longer.
 */
export interface Pause {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Pauses in a row. */
  readonly count: number;
}

const firstMs = 5_000;
const longestMs = 5 * 60_000;
/** If no 429 arrives for this long after a pause, the next pause is as short as a first one. */
const forgivenAfterMs = 10 * 60_000;

/**
 * Returns the pause after a refusal, or `undefined` if the known pause already covers the refusal. `random` is a number
 * from 0 to 1.
 */
export function nextPause(
  known: Pause | undefined,
  refusal: Refusal,
  { nowMs, random }: { readonly nowMs: number; readonly random: number },
): Pause | undefined {
  if (
    known !== undefined &&
    refusal.requestedAtMs < known.untilMs &&
    (refusal.retryAfterMs ?? 0) <= known.untilMs - nowMs
  )
    return undefined;
  const isRepeated = known !== undefined && nowMs - known.untilMs < forgivenAfterMs;
  const count = isRepeated ? known.count + 1 : 1;
  const waitMs = Math.max(refusal.retryAfterMs ?? 0, Math.min(firstMs * 2 ** (count - 1), longestMs));
  return { sinceMs: nowMs, untilMs: nowMs + Math.round(waitMs * (1 + random / 4)), count };
}

export function laterPause(one: Pause | undefined, other: Pause | undefined): Pause | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.untilMs > one.untilMs ? other : one;
}

export function pauseTtlMs({ untilMs }: Pause, nowMs: number): number {
  return untilMs - nowMs + forgivenAfterMs;
}
