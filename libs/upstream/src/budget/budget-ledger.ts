// The ledger of one process, which shares what it knows with others through small values of the index.
import { CacheError } from '@cistern/errors';
import { createSingleFlight } from '@cistern/runtime';
import type { BudgetMetrics, Logger } from '@cistern/telemetry';
import type { RateLimit } from '../upstream.ts';
import {
  type Budget,
  type BudgetEndpoint,
  type BudgetLedger,
  type EndpointBudget,
  hasEnded,
  type KnownBudget,
  laterBudget,
  laterPause,
  mergeBudget,
  nextPause,
  type Pause,
  pauseTtlMs,
  reserveOf,
  type SharedValues,
} from './budget.ts';

export interface BudgetLedgerOptions {
  /** Default: of this process alone. */
  readonly values?: SharedValues | undefined;
  readonly metrics: { readonly upstreamBudget: BudgetMetrics };
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** From 0 to 1. */
  readonly random?: (() => number) | undefined;
}

interface LedgerParts extends Pick<BudgetLedgerOptions, 'log' | 'clock'> {
  readonly values: SharedValues;
  readonly metrics: BudgetMetrics;
  readonly random: () => number;
}

/** Everybody begins again at another time, within this share of the pause. */
const resumeSpread = 0.1;
/** A call may find out this often how things are now, though there is nothing left for it. */
const lookAgainMs = 30_000;
/** Where the upstream does not say. */
const defaultWindowMs = 3_600_000;

export function createBudgetLedger(options: BudgetLedgerOptions): BudgetLedger {
  const { values = createOwnValues(), random = Math.random, metrics, log, clock } = options;
  const parts: LedgerParts = { values, random, log, clock, metrics: metrics.upstreamBudget };
  const opened: (() => readonly KnownBudget[])[] = [];
  return {
    open(endpoint) {
      const { known, ...budget } = openEndpoint(parts, endpoint);
      opened.push(known);
      return budget;
    },
    known: () => opened.flatMap((known) => known()),
  };
}

function openEndpoint(parts: LedgerParts, endpoint: BudgetEndpoint): EndpointBudget & Pick<BudgetLedger, 'known'> {
  const { metrics, log, clock, random } = parts;
  const { upstream, endpoint: host } = endpoint;
  const spread = random() * resumeSpread;
  const accounts = new Map<string, BudgetAccount>();
  const pauses = createSharedRecord<Pause>(parts, {
    name: ['pause', upstream, host],
    later: laterPause,
    ttlMs: (pause) => pauseTtlMs(pause, clock()),
  });

  function accountOf(name: string): BudgetAccount {
    const known = accounts.get(name) ?? createBudgetAccount(parts, endpoint, name);
    accounts.set(name, known);
    return known;
  }

  async function refuseWhilePaused(): Promise<void> {
    const pause = await pauses.read();
    if (pause === undefined) return;
    const resumeAtMs = pause.untilMs + spread * (pause.untilMs - pause.sinceMs);
    const waitMs = resumeAtMs - clock();
    if (waitMs > 0) throw refuse('paused', 'has been asked too often and is left alone for a while', waitMs);
  }

  function refuse(reason: 'reserve' | 'exhausted' | 'paused', why: string, retryAfterMs: number): CacheError {
    metrics.refusals.inc({ upstream, reason });
    return new CacheError('upstream-rate-limited', `Upstream "${upstream}" (${host}) ${why}.`, {
      detail: { upstream, reason },
      retryable: true,
      retryAfterMs: Math.ceil(retryAfterMs),
    });
  }

  return {
    known() {
      const { sinceMs = 0, untilMs = 0 } = pauses.known() ?? {};
      const backedOffUntilMs = untilMs > clock() ? untilMs : undefined;
      const known = [...accounts.values()].map((account) => account.known()).filter((one) => one !== undefined);
      if (backedOffUntilMs === undefined) return known;
      if (known.length === 0) return [{ upstream, endpoint: host, toldAtMs: sinceMs, backedOffUntilMs }];
      return known.map((one) => ({ ...one, backedOffUntilMs: Math.max(one.backedOffUntilMs ?? 0, backedOffUntilMs) }));
    },
    async admit(call, names) {
      await refuseWhilePaused();
      const known = await Promise.all(
        names.map(async (name) => ({ name, account: accountOf(name), headroom: await accountOf(name).headroom() })),
      );
      // A stable order among equals: the configuration's.
      const [best] = known.sort((one, other) =>
        one.headroom < other.headroom ? 1 : one.headroom > other.headroom ? -1 : 0,
      );
      if (best === undefined) throw new TypeError('A call needs an account.');
      const isKept = call.kind === 'pull' && call.purpose !== 'cold';
      if (call.kind === 'other' || best.headroom > (isKept ? best.account.reserve() : 0)) return best.name;
      // A process that never calls never learns that there is a new window.
      const { name, account, headroom } = known.find((one) => one.account.mayLookAgain()) ?? best;
      if (account.lookAgain()) return name;
      const waitMs = Math.min(...known.map((one) => one.account.lookAgainInMs()));
      if (headroom > 0) throw refuse('reserve', 'has few pulls left, which are kept for what is not cached', waitMs);
      throw refuse('exhausted', 'has no pulls left for now', waitMs);
    },
    report: (account, rateLimit, requestedAtMs) => accountOf(account).report(rateLimit, requestedAtMs),
    exhausted: (account, rateLimit, { requestedAtMs, retryAfterMs }) =>
      accountOf(account).report({ ...rateLimit, remaining: 0 }, requestedAtMs, retryAfterMs),
    async throttled(refusal) {
      let began: Pause | undefined;
      await pauses.read();
      await pauses.change((known) => {
        const nowMs = clock();
        began = nextPause(known, refusal, { nowMs, random: random() });
        return began ?? known ?? { sinceMs: nowMs, untilMs: nowMs, count: 0 };
      });
      if (began === undefined) return;
      metrics.pauses.inc({ upstream });
      const seconds = Math.round((began.untilMs - began.sinceMs) / 1000);
      log.warn(
        { upstream, endpoint: host, seconds, inARow: began.count },
        'an upstream answers too many requests and is left alone',
      );
    },
  };
}

type BudgetAccount = ReturnType<typeof createBudgetAccount>;
type Level = 'enough' | 'reserve' | 'exhausted';

/** One account: what it has left, as the upstream has said to any worker that has the same budget. */
function createBudgetAccount(parts: LedgerParts, endpoint: BudgetEndpoint, name: string) {
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

interface SharedRecordOptions<T> {
  readonly name: readonly string[];
  /** Of what is here and what is there. */
  readonly later: (one: T | undefined, other: T | undefined) => T | undefined;
  readonly ttlMs: (value: T) => number;
}

interface SharedRecord<T> {
  /** At most a second behind the others. */
  read(): Promise<T | undefined>;
  /** Without looking. */
  known(): T | undefined;
  change(next: (known: T | undefined) => T): Promise<T>;
}

const lookEveryMs = 1_000;

/** A value that processes share, read now and then and written at once; known here even while no other can be reached. */
function createSharedRecord<T extends object>(parts: LedgerParts, options: SharedRecordOptions<T>): SharedRecord<T> {
  const { values, clock } = parts;
  const { later, ttlMs } = options;
  const name = options.name.map(encodeURIComponent).join('/');
  const share = createSingleFlight<void>();
  let known: T | undefined;
  let lookedAtMs = -Infinity;

  async function look(): Promise<void> {
    try {
      const text = await values.get(name);
      if (text !== undefined) known = later(known, JSON.parse(text) as T);
    } catch {
      // What is known here has to do.
    }
    lookedAtMs = clock();
  }

  return {
    async read() {
      if (clock() - lookedAtMs >= lookEveryMs) await share('', undefined, look);
      return known;
    },
    known: () => known,
    async change(next) {
      // Two that write at the same time may lose one of two answers; the next one mends that.
      await look();
      const value = next(known);
      known = value;
      await values.put(name, JSON.stringify(value), Math.max(1, ttlMs(value))).catch(() => {});
      return value;
    },
  };
}

/** As the index has them, for one process. */
function createOwnValues(): SharedValues {
  const values = new Map<string, string>();
  return {
    get: async (name) => values.get(name),
    put: async (name, value) => void values.set(name, value),
  };
}
