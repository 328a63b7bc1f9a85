// What was answered without upstream's word for it, and why.
import { Counter, Gauge, type Registry } from 'prom-client';

/**
 * `revalidating`: a worker asks behind the answer. `failing`: upstream could not be asked. `gone`: upstream no longer has
 * it, or no longer gives it to us. `offline`: we do not ask.
 */
const staleReasons = ['revalidating', 'failing', 'gone', 'offline'] as const;
export type StaleReason = (typeof staleReasons)[number];

export interface FreshnessMetrics {
  readonly staleAnswers: Counter<'upstream' | 'reason'>;
  /** 1 or 0. */
  readonly upstreamOffline: Gauge<'upstream'>;
}

export function createFreshnessMetrics(registry: Registry, upstreams: readonly string[]): FreshnessMetrics {
  const registers = [registry];
  const metrics: FreshnessMetrics = {
    staleAnswers: new Counter({
      name: 'cistern_stale_answers_total',
      help: 'Tags and lists that were served stale, by the reason why upstream was not asked or could not confirm them.',
      labelNames: ['upstream', 'reason'],
      registers,
    }),
    upstreamOffline: new Gauge({
      name: 'cistern_upstream_offline',
      help: '1 while this process asks the upstream for nothing because somebody has decided so.',
      labelNames: ['upstream'],
      registers,
    }),
  };
  for (const upstream of upstreams) {
    for (const reason of staleReasons) metrics.staleAnswers.inc({ upstream, reason }, 0);
    metrics.upstreamOffline.set({ upstream }, 0);
  }
  return metrics;
}
