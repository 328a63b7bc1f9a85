// What clients asked for and got.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { requestOperations } from '../request-facts.ts';
import { requestLabelSets, statusLabels } from './label-values.ts';

export interface RequestMetrics {
  readonly requests: Counter<'operation' | 'result' | 'status'>;
  /** Seconds until the last byte. */
  readonly requestDuration: Histogram<'operation' | 'result'>;
  /** Seconds. */
  readonly timeToFirstByte: Histogram<'operation' | 'result'>;
  readonly responseBytes: Counter<'operation' | 'result'>;
  readonly requestsInFlight: Gauge<'operation'>;
  readonly redirects: Counter;
}

export function createRequestMetrics(registry: Registry): RequestMetrics {
  const registers = [registry];
  const metrics: RequestMetrics = {
    requests: new Counter({
      name: 'cistern_requests_total',
      help: 'Client requests that ended, by what the cache did and the class of the status.',
      labelNames: ['operation', 'result', 'status'],
      registers,
    }),
    requestDuration: new Histogram({
      name: 'cistern_request_duration_seconds',
      help: 'Time from a client request to the last byte of its answer.',
      labelNames: ['operation', 'result'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
      registers,
    }),
    timeToFirstByte: new Histogram({
      name: 'cistern_time_to_first_byte_seconds',
      help: 'Time from a client request to the first byte of its answer.',
      labelNames: ['operation', 'result'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
    responseBytes: new Counter({
      name: 'cistern_response_bytes_total',
      help: 'Bytes of bodies sent to clients.',
      labelNames: ['operation', 'result'],
      registers,
    }),
    requestsInFlight: new Gauge({
      name: 'cistern_requests_in_flight',
      help: 'Client requests being answered now.',
      labelNames: ['operation'],
      registers,
    }),
    redirects: new Counter({
      name: 'cistern_redirects_total',
      help: 'Clients that were sent to the store for a blob, whose bytes are not counted here.',
      registers,
    }),
  };
  for (const labels of requestLabelSets()) {
    for (const status of statusLabels) metrics.requests.inc({ ...labels, status }, 0);
    metrics.requestDuration.zero(labels);
    metrics.timeToFirstByte.zero(labels);
    metrics.responseBytes.inc(labels, 0);
  }
  for (const operation of requestOperations) metrics.requestsInFlight.set({ operation }, 0);
  return metrics;
}
