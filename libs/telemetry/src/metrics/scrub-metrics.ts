// What the reading through of the store has found, told by the one worker that does it.
import { Counter, Gauge, type Registry } from 'prom-client';
import { scrubFindings } from './label-values.ts';

export interface ScrubMetrics {
  readonly scrubBytes: Counter;
  readonly scrubObjects: Counter<'kind'>;
  /** From 0 to 1; NaN while none runs here. */
  readonly scrubProgress: Gauge;
}

export function createScrubMetrics(registry: Registry): ScrubMetrics {
  const registers = [registry];
  const metrics: ScrubMetrics = {
    scrubBytes: new Counter({
      name: 'cistern_scrub_bytes_total',
      help: 'Bytes of the store that were read to be hashed again.',
      registers,
    }),
    scrubObjects: new Counter({
      name: 'cistern_scrub_objects_total',
      help: 'Objects of the store that were hashed, and what was found: `verified` for the first time, `adopted` into the index, `forgotten` by it, `damaged`, `healed`. `damaged` counts what readers find, too.',
      labelNames: ['kind'],
      registers,
    }),
    scrubProgress: new Gauge({
      name: 'cistern_scrub_progress_ratio',
      help: 'How much of the store has been read through, from 0 to 1, told by the one worker that does it; NaN on the others, and between.',
      registers,
    }),
  };
  metrics.scrubProgress.set(Number.NaN);
  for (const kind of scrubFindings) metrics.scrubObjects.inc({ kind }, 0);
  return metrics;
}
