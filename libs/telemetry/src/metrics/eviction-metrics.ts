// What the store holds, and what leaves it to make room.
import { Counter, Gauge, type Registry } from 'prom-client';
import { evictionReasons } from './label-values.ts';

export interface EvictionMetrics {
  /** Bytes, of blobs and manifests; set by the one process that evicts. */
  readonly storeBytes: Gauge;
  readonly storeMaxBytes: Gauge;
  /** Bytes of the store's file system; set by the same process. */
  readonly storeFreeBytes: Gauge;
  readonly storeMinFreeBytes: Gauge;
  readonly evictions: Counter<'reason'>;
  readonly evictedBytes: Counter<'reason'>;
}

export function createEvictionMetrics(registry: Registry): EvictionMetrics {
  const registers = [registry];
  const metrics: EvictionMetrics = {
    storeBytes: new Gauge({
      name: 'cistern_store_bytes',
      help: 'Bytes of the blobs and manifests in the store, told by the one worker that evicts; NaN on the others.',
      registers,
    }),
    storeMaxBytes: new Gauge({
      name: 'cistern_store_max_bytes',
      help: 'Bytes that the store may hold, as configured; 0 for any number.',
      registers,
    }),
    storeFreeBytes: new Gauge({
      name: 'cistern_store_free_bytes',
      help: "Free bytes of the store's file system, from the one worker that evicts; NaN on the others, and for S3.",
      registers,
    }),
    storeMinFreeBytes: new Gauge({
      name: 'cistern_store_min_free_bytes',
      help: 'Bytes of it that eviction keeps free (storage.minfree), from the same worker.',
      registers,
    }),
    evictions: new Counter({
      name: 'cistern_evictions_total',
      help: 'Blobs and manifests that were removed from the store to make room, or because of their age.',
      labelNames: ['reason'],
      registers,
    }),
    evictedBytes: new Counter({
      name: 'cistern_evicted_bytes_total',
      help: 'Their bytes.',
      labelNames: ['reason'],
      registers,
    }),
  };
  for (const gauge of [metrics.storeBytes, metrics.storeFreeBytes, metrics.storeMinFreeBytes]) gauge.set(Number.NaN);
  for (const reason of evictionReasons) {
    metrics.evictions.inc({ reason }, 0);
    metrics.evictedBytes.inc({ reason }, 0);
  }
  return metrics;
}
