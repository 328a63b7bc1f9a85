// What we asked of upstream registries and what they answered.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { type BudgetMetrics, createBudgetMetrics } from './budget-metrics.ts';
import { alternateResults, retryResults, upstreamOperations, upstreamOutcomes } from './label-values.ts';

/** `endpoint`: a host and port of the configuration. */
type EndpointLabel = 'upstream' | 'endpoint';

export interface UpstreamMetrics {
  readonly upstreamRequests: Counter<'upstream' | 'operation' | 'outcome'>;
  /** Seconds until the response's headers. */
  readonly upstreamRequestDuration: Histogram<'upstream' | 'operation'>;
  readonly upstreamReceivedBytes: Counter<'upstream'>;
  readonly upstreamResumes: Counter<'upstream'>;
  readonly upstreamRetries: Counter<'upstream' | 'result'>;
  /** 0: closed, all is well; 1: half-open, being probed; 2: open, nothing is asked of it. */
  readonly upstreamEndpointState: Gauge<EndpointLabel>;
  readonly upstreamEndpointTransitions: Counter<EndpointLabel | 'to'>;
  readonly upstreamAlternateCalls: Counter<'upstream' | 'result'>;
  readonly upstreamBudget: BudgetMetrics;
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
    upstreamRetries: new Counter({
      name: 'cistern_upstream_retries_total',
      help: 'Failed requests that were tried again, or were not because too many had failed.',
      labelNames: ['upstream', 'result'],
      registers,
    }),
    upstreamEndpointState: new Gauge({
      name: 'cistern_upstream_endpoint_state',
      help: 'Health of a registry as this process sees it: 0 well, 1 being probed, 2 failing and left alone.',
      labelNames: ['upstream', 'endpoint'],
      registers,
    }),
    upstreamEndpointTransitions: new Counter({
      name: 'cistern_upstream_endpoint_transitions_total',
      help: 'Changes of the health of a registry.',
      labelNames: ['upstream', 'endpoint', 'to'],
      registers,
    }),
    upstreamAlternateCalls: new Counter({
      name: 'cistern_upstream_alternate_calls_total',
      help: 'Calls that went on to the alternates of an upstream, and whether one of them had an answer.',
      labelNames: ['upstream', 'result'],
      registers,
    }),
    upstreamBudget: createBudgetMetrics(registry, upstreams),
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
    for (const result of retryResults) metrics.upstreamRetries.inc({ upstream, result }, 0);
    for (const result of alternateResults) metrics.upstreamAlternateCalls.inc({ upstream, result }, 0);
    for (const counter of [metrics.upstreamReceivedBytes, metrics.upstreamResumes, metrics.contentMismatches])
      counter.inc({ upstream }, 0);
  }
  return metrics;
}
