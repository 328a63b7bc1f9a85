// What an account of a registry may still pull, as far as anybody knows: pure values and how they are put together.

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
export function mergeBudget(known: Budget | undefined, told: Budget, askedAtMs: number): Budget {
  if (known === undefined || told.remaining <= known.remaining || askedAtMs >= known.toldAtMs) return told;
  return hasEnded(known, told.toldAtMs) ? told : known;
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
