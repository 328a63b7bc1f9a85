// The one step from a request's facts to the metrics, taken when the request has ended.
import type { RequestFacts } from '../request-facts.ts';
import type { RequestMetrics, StatusLabel } from './client-metrics.ts';

/** Counts a request that has ended. Leaves `requestsInFlight` to whoever saw it begin. */
export function observeRequest(metrics: RequestMetrics, facts: RequestFacts): void {
  const labels = { operation: facts.operation, result: facts.cache ?? 'NONE' } as const;
  metrics.requests.inc({ ...labels, status: statusLabel(facts) });
  metrics.responseBytes.inc(labels, facts.bytesSent);
  if (facts.durationMs !== undefined) metrics.requestDuration.observe(labels, facts.durationMs / 1000);
  if (facts.timeToFirstByteMs !== undefined) metrics.timeToFirstByte.observe(labels, facts.timeToFirstByteMs / 1000);
}

function statusLabel({ aborted, status }: RequestFacts): StatusLabel {
  if (aborted) return 'aborted';
  if (status < 300) return '2xx';
  if (status < 400) return '3xx';
  return status < 500 ? '4xx' : '5xx';
}
