// What upstreams let us pull, so that it is spent on what is worth it: a revalidation that would use up the last pulls is
// not made (what is here is served stale), and of several credentials the one with the most left is used (decision 0018).
// The ledger's interface, and the pure values that it is about.
import type { CallPurpose, RateLimit } from '../upstream.ts';

/** Small values that the workers of a cluster share, as the index has them. A failure costs accuracy, nothing else. */
export interface SharedValues {
  get(name: string): Promise<string | undefined>;
  put(name: string, value: string, ttlMs: number): Promise<void>;
}

export interface BudgetLedger {
  open(endpoint: BudgetEndpoint): EndpointBudget;
  /** What this process knows now, without asking anybody; registries that have told nothing are left out. */
  known(): readonly KnownBudget[];
}

/** Of an account, or of a registry that is left alone and has told no limit. Times are milliseconds since the epoch. */
export interface KnownBudget {
  readonly upstream: string;
  /** Host and port. */
  readonly endpoint: string;
  /** Absent: of all accounts. */
  readonly account?: string | undefined;
  /** Whose budget it is, as the upstream says: Docker Hub counts anonymous pulls by address. */
  readonly source?: string | undefined;
  readonly limit?: number | undefined;
  readonly remaining?: number | undefined;
  readonly reserve?: number | undefined;
  readonly windowMs?: number | undefined;
  /** When upstream said so. */
  readonly toldAtMs: number;
  /** Until then it is not asked. */
  readonly backedOffUntilMs?: number | undefined;
}

export interface BudgetEndpoint {
  readonly upstream: string;
  /** Host and port. */
  readonly endpoint: string;
  /** Pulls that are kept for cold misses; `undefined`: a fifth of the limit. */
  readonly reserve: number | undefined;
}

/** Of one registry, for all of its accounts. */
export interface EndpointBudget {
  /** With which of the accounts (names, at least one) to go on. Rejects with `upstream-rate-limited` to spare the budget. */
  admit(call: BudgetCall, accounts: readonly string[]): Promise<string>;
  /** An answer that says what is left. */
  report(account: string, rateLimit: RateLimit, requestedAtMs: number): Promise<void>;
  /** A 429 that says what is left, which is nothing. Returns after how many milliseconds the account is tried again. */
  exhausted(account: string, rateLimit: RateLimit, answer: Refusal): Promise<number>;
  /**
   * A bare 429: too many requests, by any account. Every process leaves the registry alone for a while. Returns after how many
   * milliseconds this one asks again.
   */
  throttled(answer: Refusal): Promise<number>;
}

export interface BudgetCall {
  readonly purpose: CallPurpose;
  /**
   * `pull`: a GET of a manifest, which is what is counted. `look`: a HEAD of one, which is not, but tells what is left, and
   * is of no use when that is nothing. `other`: never counted; stops only while a registry is left alone.
   */
  readonly kind: 'pull' | 'look' | 'other';
}

/** A 429. */
export interface Refusal {
  readonly requestedAtMs: number;
  readonly retryAfterMs: number | undefined;
}

/** Of one account seen from one address: Docker Hub counts anonymous pulls by address. */
export interface Budget {
  readonly limit: number | undefined;
  readonly remaining: number;
  readonly windowMs: number;
  /** Milliseconds since the epoch, as are all times here. */
  readonly toldAtMs: number;
  /** Upstream's own `Retry-After`. */
  readonly notBeforeMs?: number | undefined;
}

/**
 * The later answer counts. Answers to requests that overlapped come in any order: then the smaller one does, and it stays
 * the one to compare with, so that a new window shows with the first request made after it.
 */
export function mergeBudget(known: Budget | undefined, reported: Budget, requestedAtMs: number): Budget {
  if (known === undefined || reported.remaining <= known.remaining || requestedAtMs >= known.toldAtMs) return reported;
  return hasEnded(known, reported.toldAtMs) ? reported : known;
}

/** Of two accounts of the same budget by different processes. */
export function laterBudget(one: Budget | undefined, other: Budget | undefined): Budget | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return other.toldAtMs > one.toldAtMs ? other : one;
}

/** By then nothing that was known of it holds any more. */
export function hasEnded(budget: Budget, nowMs: number): boolean {
  return nowMs - budget.toldAtMs >= budget.windowMs;
}

/** Pulls that are kept for cold misses: what is configured, else a fifth of the limit. */
export function reserveOf(budget: Budget, configured: number | undefined): number {
  return configured ?? Math.ceil((budget.limit ?? 0) / 5);
}

/** How long a registry is left alone that has answered too many requests: longer each time it says so again. */
export interface Pause {
  readonly sinceMs: number;
  readonly untilMs: number;
  /** Pauses in a row. */
  readonly count: number;
}

const firstMs = 5_000;
const longestMs = 5 * 60_000;
/** A registry that has let requests pass for so long has forgiven. */
const forgivenAfterMs = 10 * 60_000;

/** `undefined`: the refusal is one of those for which it is left alone already. `random`: from 0 to 1. */
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
