// What the cache as a whole holds, and whether its parts can be used: asked of them whenever the metrics are read. One
// process of a cluster tells it, for it would be the same from each.
import { Gauge, type Registry } from 'prom-client';
import { answerWithin } from './answer-within.ts';

interface CacheTotals {
  readonly blobs: number;
  readonly bytes: number;
}

export interface CacheObserved {
  /** Blobs and manifests in the store, as the index has them. */
  totals(): Promise<CacheTotals>;
  /** Reject if the part cannot be used now. */
  readonly parts: Readonly<Record<string, () => Promise<void>>>;
}

/** Gauges without a value are those that could not be asked. */
export function observeCache(registry: Registry, { totals, parts }: CacheObserved): void {
  const registers = [registry];
  let asking: Promise<CacheTotals | undefined> | undefined;
  // Both gauges are read at the same moment, and share an answer.
  const ask = () => (asking ??= answerWithin(totals()).finally(() => (asking = undefined)));

  const gaugeOf = (name: string, help: string, read: (found: CacheTotals) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const found = await ask();
        this.remove();
        if (found !== undefined) this.set(read(found));
      },
    });
  gaugeOf(
    'cistern_cached_bytes',
    'Bytes of the blobs and manifests in the store, as the index has them.',
    (found) => found.bytes,
  );
  gaugeOf('cistern_cached_blobs', 'Blobs and manifests in the store, as the index has them.', (found) => found.blobs);
  const up = new Gauge({
    name: 'cistern_part_up',
    help: 'Whether a part of the cache can be used: 1, or 0.',
    labelNames: ['part'],
    registers,
    async collect() {
      const names = Object.keys(parts);
      const isUp = await Promise.all(Object.values(parts).map((works) => answerWithin(works().then(() => true))));
      for (const [at, part] of names.entries()) up.set({ part }, isUp[at] === true ? 1 : 0);
    },
  });
}
