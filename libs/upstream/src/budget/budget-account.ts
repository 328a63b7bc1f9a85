// Tracks how many pulls one account at an upstream has left. The latest response to any worker that shares the budget
// counts.
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

/**
 * The time between trials. A trial is a call that is sent although no pulls are left for it, so that a new rate-limit
 * period is noticed.
 */
const trialIntervalMs = 30_000;
/** The rate-limit period if the upstream reports none. */
const defaultWindowMs = 3_600_000;

export type BudgetAccount = ReturnType<typeof createBudgetAccount>;
type Level = 'enough' | 'reserve' | 'exhausted';

export function createBudgetAccount(parts: LedgerParts, endpoint: BudgetEndpoint, name: string) {
  const { metrics, log, clock } = parts;
  const { upstream, endpoint: host, reserve: configured, isCurrent = () => true } = endpoint;
  const labels = { upstream, endpoint: host, credential: name };
  // The shared record depends on the source in the report. If the source is an address, workers with other addresses
  // have other budgets.
  let shared: { readonly source: string; readonly record: SharedRecord<Budget> } | undefined;
  let current: Budget | undefined;
  let lastTrialAtMs = -Infinity;
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

  function measure(budget: Budget, reserve: number): void {
    if (budget.limit !== undefined) metrics.limit.set(labels, budget.limit);
    metrics.remaining.set(labels, budget.remaining);
    metrics.reserve.set(labels, reserve);
    metrics.windowEnd.set(labels, (budget.reportedAtMs + budget.windowMs) / 1000);
  }

  function show(budget: Budget): void {
    current = budget;
    const reserve = reserveOf(budget, configured);
    if (isCurrent()) measure(budget, reserve);
    const now: Level = budget.remaining <= 0 ? 'exhausted' : budget.remaining <= reserve ? 'reserve' : 'enough';
    if (now === level) return;
    level = now;
    const facts = {
      upstream,
      endpoint: host,
      account: name,
      remaining: budget.remaining,
      limit: budget.limit,
      reserve,
    };
    if (now === 'enough') log.warn(facts, 'pull budget recovered');
    else if (now === 'reserve') log.warn(facts, 'pull budget low, reserved for uncached images');
    else log.warn(facts, 'pull budget exhausted, serving cached tags stale');
  }

  const nextTrialAtMs = (): number =>
    Math.max(
      (current?.reportedAtMs ?? 0) + trialIntervalMs,
      lastTrialAtMs + trialIntervalMs,
      current?.notBeforeMs ?? 0,
    );
  const mayTry = (): boolean => clock() >= nextTrialAtMs();

  return {
    /** Returns the pulls that are left. `Infinity` means that no limit is known. */
    async headroom(): Promise<number> {
      const budget = await shared?.record.read();
      if (budget === undefined || hasEnded(budget, clock())) return Infinity;
      if (budget !== current) show(budget);
      return budget.remaining;
    },
    /** Returns the pulls that are reserved for cold misses. */
    reserve: (): number => (current === undefined ? 0 : reserveOf(current, configured)),
    /** Reports whether a trial is due. `takeTrial` also reserves it for the caller. */
    mayTry,
    takeTrial(): boolean {
      if (!mayTry()) return false;
      lastTrialAtMs = clock();
      return true;
    },
    nextTrialInMs: (): number => Math.max(0, nextTrialAtMs() - clock()),
    /** Returns `undefined` if no report is known or its rate-limit period is over. */
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
      const reportedAtMs = clock();
      const windowMs = windowSeconds === undefined ? defaultWindowMs : windowSeconds * 1000;
      const notBeforeMs = retryAfterMs === undefined ? undefined : reportedAtMs + retryAfterMs;
      const reported: Budget = { limit, remaining, windowMs, reportedAtMs, notBeforeMs };
      show(await recordOf(source).change((known) => mergeBudget(known, reported, requestedAtMs)));
    },
  };
}
