// One account in the ledger: what it has left, told by the upstream to any worker that has the same budget.
import type { RateLimit } from '../upstream.ts';
import { type Budget, hasEnded, laterBudget, mergeBudget, reserveOf } from './budget.ts';
import type { BudgetEndpoint, KnownBudget } from './budget-ledger.ts';
import type { LedgerParts } from './create-budget-ledger.ts';
import { createSharedRecord, type SharedRecord } from './shared-record.ts';

export interface BudgetAccount {
  /** Pulls left; Infinity: no limit is known. */
  headroom(): Promise<number>;
  /** Pulls that are kept for cold misses. */
  reserve(): number;
  /** Whether one call may find out how things are now, though there is nothing left for it; `lookAgain` takes that right. */
  mayLookAgain(): boolean;
  lookAgain(): boolean;
  lookAgainInMs(): number;
  told(rateLimit: RateLimit, askedAtMs: number, retryAfterMs?: number): Promise<void>;
  /** `undefined`: nothing that would still hold. */
  known(): KnownBudget | undefined;
}

const lookAgainMs = 30_000;
/** Where the upstream does not say. */
const defaultWindowMs = 3_600_000;

type Level = 'enough' | 'reserve' | 'exhausted';

export function createBudgetAccount(parts: LedgerParts, endpoint: BudgetEndpoint, name: string): BudgetAccount {
  const { values, metrics, log, clock } = parts;
  const { upstream, endpoint: host, reserve: configured } = endpoint;
  const labels = { upstream, endpoint: host, credential: name };
  // Where a budget belongs to an address, workers with other addresses have other budgets.
  let shared: { readonly source: string; readonly record: SharedRecord<Budget> } | undefined;
  let current: Budget | undefined;
  let lookedAgainAtMs = -Infinity;
  let level: Level = 'enough';

  function recordOf(source: string): SharedRecord<Budget> {
    if (shared?.source === source) return shared.record;
    const record = createSharedRecord<Budget>({
      values,
      clock,
      name: ['budget', upstream, host, name, source].map(encodeURIComponent).join('/'),
      later: laterBudget,
      ttlMs: ({ windowMs }) => windowMs,
    });
    shared = { source, record };
    return record;
  }

  function show(budget: Budget): void {
    current = budget;
    const reserve = reserveOf(budget, configured);
    if (budget.limit !== undefined) metrics.limit.set(labels, budget.limit);
    metrics.remaining.set(labels, budget.remaining);
    metrics.reserve.set(labels, reserve);
    metrics.windowEnd.set(labels, (budget.toldAtMs + budget.windowMs) / 1000);
    const now: Level = budget.remaining <= 0 ? 'exhausted' : budget.remaining <= reserve ? 'reserve' : 'enough';
    if (now === level) return;
    level = now;
    const facts = { ...labels, remaining: budget.remaining, limit: budget.limit, reserve };
    if (now === 'enough') log.info(facts, 'an upstream has pulls left again');
    else if (now === 'reserve') log.warn(facts, 'an upstream has few pulls left: they are kept for what is not cached');
    else log.warn(facts, 'an upstream has no pulls left: what is cached is served stale');
  }

  const lookAgainAtMs = (): number =>
    Math.max((current?.toldAtMs ?? 0) + lookAgainMs, lookedAgainAtMs + lookAgainMs, current?.notBeforeMs ?? 0);
  const mayLookAgain = (): boolean => clock() >= lookAgainAtMs();

  return {
    async headroom() {
      const budget = await shared?.record.read();
      if (budget === undefined || hasEnded(budget, clock())) return Infinity;
      if (budget !== current) show(budget);
      return budget.remaining;
    },
    reserve: () => (current === undefined ? 0 : reserveOf(current, configured)),
    mayLookAgain,
    lookAgain() {
      if (!mayLookAgain()) return false;
      lookedAgainAtMs = clock();
      return true;
    },
    lookAgainInMs: () => Math.max(0, lookAgainAtMs() - clock()),
    known() {
      if (current === undefined || hasEnded(current, clock())) return undefined;
      const { limit, remaining, windowMs, toldAtMs, notBeforeMs = 0 } = current;
      return {
        upstream,
        endpoint: host,
        account: name,
        source: shared?.source,
        limit,
        remaining,
        reserve: reserveOf(current, configured),
        windowMs,
        toldAtMs,
        backedOffUntilMs: notBeforeMs > clock() ? notBeforeMs : undefined,
      };
    },
    async told({ limit, remaining, windowSeconds, source = '' }, askedAtMs, retryAfterMs) {
      if (remaining === undefined) return;
      const toldAtMs = clock();
      const windowMs = windowSeconds === undefined ? defaultWindowMs : windowSeconds * 1000;
      const notBeforeMs = retryAfterMs === undefined ? undefined : toldAtMs + retryAfterMs;
      const told: Budget = { limit, remaining, windowMs, toldAtMs, notBeforeMs };
      show(await recordOf(source).change((known) => mergeBudget(known, told, askedAtMs)));
    },
  };
}
