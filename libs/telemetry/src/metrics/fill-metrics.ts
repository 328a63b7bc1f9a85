// Fills: fetches of whole blobs and manifests from upstream into the store.
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { fillClasses, fillResults } from './label-values.ts';

export interface FillMetrics {
  readonly fills: Counter<'class' | 'result'>;
  readonly fillsInFlight: Gauge<'class'>;
  /** Seconds from the claim to the commit or the failure. */
  readonly fillDuration: Histogram<'class'>;
  /** Bytes committed. */
  readonly fillBytes: Counter;
  /** Bytes that left for followers in other processes. */
  readonly fillBytesSent: Counter;
  readonly spoolBytes: Gauge;
  readonly readersCastOut: Counter;
}

export function createFillMetrics(registry: Registry): FillMetrics {
  const registers = [registry];
  const metrics: FillMetrics = {
    fills: new Counter({
      name: 'cistern_fills_total',
      help: 'Fills that ended.',
      labelNames: ['class', 'result'],
      registers,
    }),
    fillsInFlight: new Gauge({
      name: 'cistern_fills_in_flight',
      help: 'Fills that are running now.',
      labelNames: ['class'],
      registers,
    }),
    fillDuration: new Histogram({
      name: 'cistern_fill_duration_seconds',
      help: 'Time from the claim of a fill to its end.',
      labelNames: ['class'],
      buckets: [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800],
      registers,
    }),
    fillBytes: new Counter({ name: 'cistern_fill_bytes_total', help: 'Bytes that fills committed.', registers }),
    fillBytesSent: new Counter({
      name: 'cistern_fill_sent_bytes_total',
      help: 'Bytes of fills in flight that were sent to other processes.',
      registers,
    }),
    spoolBytes: new Gauge({
      name: 'cistern_spool_bytes',
      help: 'Bytes of the spool that fills in flight have reserved.',
      registers,
    }),
    readersCastOut: new Counter({
      name: 'cistern_window_readers_cast_out_total',
      help: 'Readers that were too slow for a shared window and went on with a read of their own.',
      registers,
    }),
  };
  for (const fillClass of fillClasses) {
    for (const result of fillResults) metrics.fills.inc({ class: fillClass, result }, 0);
    metrics.fillsInFlight.set({ class: fillClass }, 0);
    metrics.fillDuration.zero({ class: fillClass });
  }
  return metrics;
}
