// What we asked of upstream registries and what they answered.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { upstreamOperations, upstreamOutcomes } from './label-values.ts';

export interface UpstreamMetrics {
  readonly upstreamRequests: Counter<'upstream' | 'operation' | 'outcome'>;
  /** Seconds until the response's headers. */
  readonly upstreamRequestDuration: Histogram<'upstream' | 'operation'>;
  readonly upstreamReceivedBytes: Counter<'upstream'>;
  readonly upstreamResumes: Counter<'upstream'>;
  /** Absent until the upstream tells it. */
  readonly upstreamRateLimit: Gauge<'upstream'>;
  /** Absent until the upstream tells it. */
  readonly upstreamRateLimitRemaining: Gauge<'upstream'>;
  readonly contentMismatches: Counter<'upstream'>;
}

export function createUpstreamMetrics(registry: Registry, upstreams: readonly string[]): UpstreamMetrics {
  const registers = [registry];
  const metrics: UpstreamMetrics = {
    upstreamRequests: new Counter({
      name: 'cistern_upstream_requests_total',
      help: 'Requests to upstream registries and their token servers.',
      labelNames: ['upstream', 'operation', 'outcome'],
      registers,
    }),
    upstreamRequestDuration: new Histogram({
      name: 'cistern_upstream_request_duration_seconds',
      help: 'Time from a request to an upstream registry to the headers of its answer.',
      labelNames: ['upstream', 'operation'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
      registers,
    }),
    upstreamReceivedBytes: new Counter({
      name: 'cistern_upstream_received_bytes_total',
      help: 'Bytes of bodies received from upstream registries.',
      labelNames: ['upstream'],
      registers,
    }),
    upstreamResumes: new Counter({
      name: 'cistern_upstream_resumes_total',
      help: 'Bodies of upstream registries that broke off and were resumed with a range request.',
      labelNames: ['upstream'],
      registers,
    }),
    upstreamRateLimit: new Gauge({
      name: 'cistern_upstream_rate_limit',
      help: 'Pulls per window that the upstream registry grants us, as it last said.',
      labelNames: ['upstream'],
      registers,
    }),
    upstreamRateLimitRemaining: new Gauge({
      name: 'cistern_upstream_rate_limit_remaining',
      help: 'Pulls left in the window, as the upstream registry last said.',
      labelNames: ['upstream'],
      registers,
    }),
    contentMismatches: new Counter({
      name: 'cistern_content_mismatches_total',
      help: 'Bodies whose bytes did not match their digest or size; none of them was stored.',
      labelNames: ['upstream'],
      registers,
    }),
  };
  for (const upstream of upstreams) {
    for (const operation of upstreamOperations)
      for (const outcome of upstreamOutcomes) metrics.upstreamRequests.inc({ upstream, operation, outcome }, 0);
    for (const counter of [metrics.upstreamReceivedBytes, metrics.upstreamResumes, metrics.contentMismatches])
      counter.inc({ upstream }, 0);
  }
  return metrics;
}
