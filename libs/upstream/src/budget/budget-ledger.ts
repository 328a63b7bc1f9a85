// The budget ledger of one process. It shares the reports of upstreams with other processes through small values in the
// index.
import { CacheError } from '@cistern/errors';
import type { BudgetMetrics, Logger } from '@cistern/telemetry';
import {
  type BudgetEndpoint,
  type BudgetLedger,
  type EndpointBudget,
  type KnownBudget,
  laterPause,
  nextPause,
  type Pause,
  pauseTtlMs,
  type SharedValues,
} from './budget.ts';
import { type BudgetAccount, createBudgetAccount, type LedgerParts } from './budget-account.ts';
import { createSharedRecord } from './shared-record.ts';

export interface BudgetLedgerOptions {
  /** Default: values of this process alone. */
  readonly values?: SharedValues | undefined;
  readonly metrics: { readonly upstreamBudget: BudgetMetrics };
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** From 0 to 1. */
  readonly random?: (() => number) | undefined;
}

/** A process extends a pause by a random part of up to this share, so that processes resume at different times. */
const resumeSpread = 0.1;

export function createBudgetLedger(options: BudgetLedgerOptions): BudgetLedger {
  const { values = createLocalValues(), random = Math.random, metrics, log, clock } = options;
  const parts: LedgerParts = { values, random, log, clock, metrics: metrics.upstreamBudget };
  const opened = new Set<() => readonly KnownBudget[]>();
  return {
    open(endpoint) {
      const { known, ...budget } = openEndpoint(parts, endpoint);
      opened.add(known);
      return { ...budget, close: () => void opened.delete(known) };
    },
    known: () => [...opened].flatMap((known) => known()),
  };
}

function openEndpoint(
  parts: LedgerParts,
  endpoint: BudgetEndpoint,
): Omit<EndpointBudget, 'close'> & Pick<BudgetLedger, 'known'> {
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

  function pausedForMs(pause: Pause | undefined): number {
    if (pause === undefined) return 0;
    return Math.ceil(pause.untilMs + spread * (pause.untilMs - pause.sinceMs) - clock());
  }

  async function refuseWhilePaused(): Promise<void> {
    const waitMs = pausedForMs(await pauses.read());
    if (waitMs > 0) throw refuse('paused', 'throttled earlier requests (429), so requests are paused', waitMs);
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
      if (known.length === 0) return [{ upstream, endpoint: host, reportedAtMs: sinceMs, backedOffUntilMs }];
      return known.map((one) => ({ ...one, backedOffUntilMs: Math.max(one.backedOffUntilMs ?? 0, backedOffUntilMs) }));
    },
    async admit(call, names) {
      await refuseWhilePaused();
      const known = await Promise.all(
        names.map(async (name) => ({ name, account: accountOf(name), headroom: await accountOf(name).headroom() })),
      );
      // The sort is stable: accounts with equal headroom keep the order of the configuration.
      const [best] = known.sort((one, other) =>
        one.headroom < other.headroom ? 1 : one.headroom > other.headroom ? -1 : 0,
      );
      if (best === undefined) throw new TypeError('A call needs an account.');
      const isReserved = call.kind === 'pull' && call.purpose !== 'cold';
      if (call.kind === 'other' || best.headroom > (isReserved ? best.account.reserve() : 0)) return best.name;
      // A trial is sent, because only a call can show that a new rate-limit period has begun.
      const { name, account, headroom } = known.find((one) => one.account.mayTry()) ?? best;
      if (account.takeTrial()) return name;
      const waitMs = Math.min(...known.map((one) => one.account.nextTrialInMs()));
      if (headroom > 0)
        throw refuse('reserve', 'has few pulls left, which are reserved for images that are not cached', waitMs);
      throw refuse('exhausted', 'has no pulls left at the moment', waitMs);
    },
    report: (account, rateLimit, requestedAtMs) => accountOf(account).report(rateLimit, requestedAtMs),
    async exhausted(name, rateLimit, { requestedAtMs, retryAfterMs }) {
      const account = accountOf(name);
      await account.report({ ...rateLimit, remaining: 0 }, requestedAtMs, retryAfterMs);
      return account.nextTrialInMs();
    },
    async throttled(refusal) {
      let began: Pause | undefined;
      await pauses.read();
      const paused = await pauses.change((known) => {
        const nowMs = clock();
        began = nextPause(known, refusal, { nowMs, random: random() });
        return began ?? known ?? { sinceMs: nowMs, untilMs: nowMs, count: 0 };
      });
      if (began === undefined) return pausedForMs(paused);
      metrics.pauses.inc({ upstream });
      const seconds = Math.round((began.untilMs - began.sinceMs) / 1000);
      log.warn({ upstream, endpoint: host, seconds, inARow: began.count }, 'upstream answered 429, requests paused');
      return pausedForMs(paused);
    },
  };
}

/** Keeps the shared values in memory, for a single process. */
function createLocalValues(): SharedValues {
  const values = new Map<string, string>();
  return {
    get: async (name) => values.get(name),
    put: async (name, value) => void values.set(name, value),
  };
}
