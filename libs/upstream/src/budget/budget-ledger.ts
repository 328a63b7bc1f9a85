// What upstreams let us pull, so that it is spent on what is worth it: a revalidation that would use up the last pulls is
// not made (what is here is served stale), and of several credentials the one with the most left is used (decision 0018).
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
  /** An answer that tells what is left. */
  told(account: string, rateLimit: RateLimit, askedAtMs: number): Promise<void>;
  /** A 429 that tells what is left, which is nothing. */
  exhausted(account: string, rateLimit: RateLimit, answer: Refusal): Promise<void>;
  /** A bare 429: too many requests, of whomever. Everybody leaves the registry alone for a while. */
  throttled(answer: Refusal): Promise<void>;
}

export interface BudgetCall {
  readonly purpose: CallPurpose;
  /**
   * `pull`: a GET of a manifest, which is what is counted. `look`: a HEAD of one, which is not, but tells what is left, and
   * is of no use when that is nothing. `other`: never counted; stops only while a registry is left alone.
   */
  readonly kind: 'pull' | 'look' | 'other';
}

interface Refusal {
  readonly askedAtMs: number;
  readonly retryAfterMs: number | undefined;
}
