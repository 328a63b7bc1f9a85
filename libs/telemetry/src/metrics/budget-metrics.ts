// What upstream registries let us pull, as they last said, and what that kept us from asking. Gauges have no series until
// an upstream tells something. `credential` is a name of the configuration, or `anonymous`.
import { Counter, Gauge, type Registry } from 'prom-client';
import { budgetRefusals } from './label-values.ts';

type AccountLabel = 'upstream' | 'endpoint' | 'credential';

export interface BudgetMetrics {
  readonly limit: Gauge<AccountLabel>;
  readonly remaining: Gauge<AccountLabel>;
  readonly reserve: Gauge<AccountLabel>;
  /** Seconds since the epoch. */
  readonly windowEnd: Gauge<AccountLabel>;
  /** `reason`: kept for cold misses, nothing left, or the whole upstream is left alone for a while. */
  readonly refusals: Counter<'upstream' | 'reason'>;
  readonly pauses: Counter<'upstream'>;
  /** 1: the registry does not accept them, or they cannot be had. */
  readonly credentialsRefused: Gauge<AccountLabel>;
}

const account = ['upstream', 'endpoint', 'credential'] as const;

export function createBudgetMetrics(registry: Registry, upstreams: readonly string[]): BudgetMetrics {
  const registers = [registry];
  const metrics: BudgetMetrics = {
    limit: new Gauge({
      name: 'cistern_upstream_rate_limit',
      help: 'Pulls per window that the upstream registry grants a credential, as it last said.',
      labelNames: account,
      registers,
    }),
    remaining: new Gauge({
      name: 'cistern_upstream_rate_limit_remaining',
      help: 'Pulls left in the window, as the upstream registry last said.',
      labelNames: account,
      registers,
    }),
    reserve: new Gauge({
      name: 'cistern_upstream_rate_limit_reserve',
      help: 'Pulls that are kept for images of which nothing is cached.',
      labelNames: account,
      registers,
    }),
    windowEnd: new Gauge({
      name: 'cistern_upstream_rate_limit_window_end_timestamp_seconds',
      help: 'When the window has ended at the latest in which the upstream registry last said what is left.',
      labelNames: account,
      registers,
    }),
    refusals: new Counter({
      name: 'cistern_upstream_budget_refusals_total',
      help: 'Calls to upstream registries that were not made, to keep within their limits.',
      labelNames: ['upstream', 'reason'],
      registers,
    }),
    pauses: new Counter({
      name: 'cistern_upstream_pauses_total',
      help: 'Times that an upstream registry was left alone because it answered too many requests.',
      labelNames: ['upstream'],
      registers,
    }),
    credentialsRefused: new Gauge({
      name: 'cistern_upstream_credentials_refused',
      help: 'Whether the upstream registry refuses a configured credential, or it cannot be read.',
      labelNames: account,
      registers,
    }),
  };
  for (const upstream of upstreams) {
    for (const reason of budgetRefusals) metrics.refusals.inc({ upstream, reason }, 0);
    metrics.pauses.inc({ upstream }, 0);
  }
  return metrics;
}
