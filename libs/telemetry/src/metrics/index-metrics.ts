// The index in Redis, as this process meets it.
import { Histogram, type Registry } from 'prom-client';
import { callResults } from './label-values.ts';

export interface IndexMetrics {
  /** Seconds. */
  readonly indexCallDuration: Histogram<'result'>;
}

export function createIndexMetrics(registry: Registry): IndexMetrics {
  const indexCallDuration = new Histogram({
    name: 'cistern_index_call_duration_seconds',
    help: 'Time until Redis answered a call of the index, by whether it did.',
    labelNames: ['result'],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
    registers: [registry],
  });
  for (const result of callResults) indexCallDuration.zero({ result });
  return { indexCallDuration };
}
