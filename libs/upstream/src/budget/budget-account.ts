// One account at an upstream: how many pulls it has left, by the last answer to any worker with the same budget.
import type { BudgetMetrics, Logger } from '@cistern/telemetry';
import type { RateLimit } from '../upstream.ts';
import {
  type Budget,
  type BudgetEndpoint,
  hasEnded,
  type KnownBudget,
  laterBudget,
  mergeBudget,
  reserveOf,
} from './budget.ts';
import { createSharedRecord, type SharedRecord, type SharedRecordParts } from './shared-record.ts';

export interface LedgerParts extends SharedRecordParts {
  readonly metrics: BudgetMetrics;
  readonly log: Logger;
  /** From 0 to 1. */
  readonly random: () => number;
}

/** A call may find out this often how things are now, though there is nothing left for it. */
const lookAgainMs = 30_000;
/** Where the upstream does not say. */
const defaultWindowMs = 3_600_000;

export type BudgetAccount = ReturnType<typeof createBudgetAccount>;
type Level = 'enough' | 'reserve' | 'exhausted';

export function createBudgetAccount(parts: LedgerParts, endpoint: BudgetEndpoint, name: string) {
  const { metrics, log, clock } = parts;
  const { upstream, endpoint: host, reserve: configured } = endpoint;
  const labels = { upstream, endpoint: host, credential: name };
  // Where a budget belongs to an address, workers with other addresses have other budgets.
  let shared: { readonly source: string; readonly record: SharedRecord<Budget> } | undefined;
  let current: Budget | undefined;
  let lookedAgainAtMs = -Infinity;
  let level: Level = 'enough';

  function recordOf(source: string): SharedRecord<Budget> {
    if (shared?.source === source) return shared.record;
    const record = createSharedRecord<Budget>(parts, {
      name: ['budget', upstream, host, name, source],
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
    /** Pulls left; Infinity: no limit is known. */
    async headroom(): Promise<number> {
      const budget = await shared?.record.read();
      if (budget === undefined || hasEnded(budget, clock())) return Infinity;
      if (budget !== current) show(budget);
      return budget.remaining;
    },
    /** Pulls that are kept for cold misses. */
    reserve: (): number => (current === undefined ? 0 : reserveOf(current, configured)),
    /** `lookAgain` takes the right that `mayLookAgain` says there is. */
    mayLookAgain,
    lookAgain(): boolean {
      if (!mayLookAgain()) return false;
      lookedAgainAtMs = clock();
      return true;
    },
    lookAgainInMs: (): number => Math.max(0, lookAgainAtMs() - clock()),
    /** `undefined`: nothing that would still hold. */
    known(): KnownBudget | undefined {
      if (current === undefined || hasEnded(current, clock())) return undefined;
      const { notBeforeMs = 0, ...budget } = current;
      return {
        ...budget,
        upstream,
        endpoint: host,
        account: name,
        source: shared?.source,
        reserve: reserveOf(current, configured),
        backedOffUntilMs: notBeforeMs > clock() ? notBeforeMs : undefined,
      };
    },
    async report(rateLimit: RateLimit, requestedAtMs: number, retryAfterMs?: number): Promise<void> {
      const { limit, remaining, windowSeconds, source = '' } = rateLimit;
      if (remaining === undefined) return;
      const toldAtMs = clock();
      const windowMs = windowSeconds === undefined ? defaultWindowMs : windowSeconds * 1000;
      const notBeforeMs = retryAfterMs === undefined ? undefined : toldAtMs + retryAfterMs;
      const reported: Budget = { limit, remaining, windowMs, toldAtMs, notBeforeMs };
      show(await recordOf(source).change((known) => mergeBudget(known, reported, requestedAtMs)));
    },
  };
}
