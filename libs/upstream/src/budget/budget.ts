// The budget of pulls that upstreams allow, and the pure values behind it. A revalidation that would spend the last
// pulls is not made: the cached copy is served stale. If there are several credentials, the one with the most pulls
// left is used (decision 0018).
import type { CallPurpose, RateLimit } from '../upstream.ts';

/** Small values that the workers of a cluster share through the index. A failure costs accuracy, nothing else. */
export interface SharedValues {
  get(name: string): Promise<string | undefined>;
  put(name: string, value: string, ttlMs: number): Promise<void>;
}

export interface BudgetLedger {
  open(endpoint: BudgetEndpoint): EndpointBudget;
  /**
   * Returns the budgets that this process knows, without a query. Registries that have reported no limit are left out.
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
  readonly toldAtMs: number;
  /** No request is sent before this time. */
  readonly backedOffUntilMs?: number | undefined;
}

export interface BudgetEndpoint {
  readonly upstream: string;
  /** Host and port. */
  readonly endpoint: string;
  /** Pulls that are reserved for cold misses. `undefined` means a fifth of the limit. */
  readonly reserve: number | undefined;
}

/** The budget of one registry, for all of its accounts. */
export interface EndpointBudget {
  /**
   * Returns the account for the call, out of `accounts` (at least one name). Rejects with `upstream-rate-limited` to
   * spare the budget.
   */
  admit(call: BudgetCall, accounts: readonly string[]): Promise<string>;
  /** Records an answer that reports the pulls left. */
  report(account: string, rateLimit: RateLimit, requestedAtMs: number): Promise<void>;
  /**
   * Records a 429 that reports that no pulls are left. Returns after how many milliseconds the account is tried again.
   */
  exhausted(account: string, rateLimit: RateLimit, answer: Refusal): Promise<number>;
  /**
   * Records a 429 that reports no limit: too many requests, by any account. All processes pause their requests to the
   * registry. Returns after how many milliseconds this process resumes.
   */
  throttled(answer: Refusal): Promise<number>;
}

export interface BudgetCall {
  readonly purpose: CallPurpose;
  /**
   * `pull` is a GET of a manifest, which the upstream counts. `look` is a HEAD of one. It is not counted and its answer
   * reports the pulls left, but it is useless when none are left. `other` is never counted, and is refused only during
   * a pause.
   */
  readonly kind: 'pull' | 'look' | 'other';
}

/** A 429 answer. */
export interface Refusal {
  readonly requestedAtMs: number;
  readonly retryAfterMs: number | undefined;
}

/** The budget of one account as seen from one address: Docker Hub counts anonymous pulls by address. */
export interface Budget {
  readonly limit: number | undefined;
  readonly remaining: number;
  readonly windowMs: number;
  /** Milliseconds since the epoch, as are all times here. */
  readonly toldAtMs: number;
  /** The upstream's own `Retry-After`. */
  readonly notBeforeMs?: number | undefined;
}

/**
 * Returns the later answer. Answers to overlapping requests arrive in any order, so the smaller of them counts. It
 * stays the one to compare with, so that the first request after it shows a new window.
 */
export function mergeBudget(known: Budget | undefined, reported: Budget, requestedAtMs: number): Budget {
  if (known === undefined || reported.remaining <= known.remaining || requestedAtMs >= known.toldAtMs) return reported;
  return hasEnded(known, reported.toldAtMs) ? reported : known;
}

/** Returns the later of two reports about the same budget, from different processes. */
export function laterBudget(one: Budget | undefined, other: Budget | undefined): Budget | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.toldAtMs > one.toldAtMs ? other : one;
}

/** Whether the window of a budget is over, so that its numbers no longer hold. */
export function hasEnded(budget: Budget, nowMs: number): boolean {
  return nowMs - budget.toldAtMs >= budget.windowMs;
}

/** Returns the pulls that are reserved for cold misses: the configured number, or a fifth of the limit. */
export function reserveOf(budget: Budget, configured: number | undefined): number {
  return configured ?? Math.ceil((budget.limit ?? 0) / 5);
}

/** A time without requests to a registry that has throttled us (429). It is longer after each refusal in a row. */
export interface Pause {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Pauses in a row. */
  readonly count: number;
}

const firstMs = 5_000;
const longestMs = 5 * 60_000;
/** After this long without a refusal the next pause is a first one. */
const forgivenAfterMs = 10 * 60_000;

/** Returns `undefined` if the known pause covers the refusal. `random` is a number from 0 to 1. */
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
