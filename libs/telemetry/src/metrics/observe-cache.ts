// Gauges of the whole cache, read whenever the metrics are: what it holds, whether its parts can be used, and what waits in its
// queues. One process of a cluster has them, for they would be the same from each.
import { Gauge, type Registry } from 'prom-client';

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
  const readTotals = shareAnswer(totals);
  const gaugeOf = (name: string, help: string, read: (found: CacheTotals) => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      async collect() {
        const found = await readTotals();
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

export interface QueueFacts {
  /** `interactive-blob`, for example. */
  readonly queue: string;
  readonly waiting: number;
  readonly active: number;
  /** Failed within the last hour. */
  readonly failed: number;
  /** How long the oldest that waits has waited, in seconds; 0: none waits. */
  readonly oldestWaitingSeconds: number;
}

/** Gauges without a value are those that could not be asked. */
export function observeJobs(registry: Registry, readQueues: () => Promise<readonly QueueFacts[]>): void {
  const registers = [registry];
  const readFacts = shareAnswer(readQueues);
  const oldest = new Gauge({
    name: 'cistern_queue_oldest_waiting_seconds',
    help: 'How long the job that waits longest in a queue has waited.',
    labelNames: ['queue'],
    registers,
    async collect() {
      const found = await readFacts();
      oldest.reset();
      for (const { queue, oldestWaitingSeconds } of found ?? []) oldest.set({ queue }, oldestWaitingSeconds);
    },
  });
  const jobs = new Gauge({
    name: 'cistern_queue_jobs',
    help: 'Jobs in a queue, by state; failed ones are kept for an hour.',
    labelNames: ['queue', 'state'],
    registers,
    async collect() {
      const found = await readFacts();
      jobs.reset();
      for (const { queue, waiting, active, failed } of found ?? [])
        for (const [state, count] of Object.entries({ waiting, active, failed })) jobs.set({ queue, state }, count);
    },
  });
}

/** Gauges that are read at the same moment share an answer. */
function shareAnswer<T>(read: () => Promise<T>): () => Promise<T | undefined> {
  let reading: Promise<T | undefined> | undefined;
  return () => (reading ??= answerWithin(read()).finally(() => (reading = undefined)));
}

const limitMs = 3000;

/**
 * `undefined` for a rejection, and for an answer that takes longer than three seconds. A call that hangs must not hide all other
 * metrics.
 */
async function answerWithin<T>(answer: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => late.resolve(undefined), limitMs);
  try {
    return await Promise.race([answer, late.promise]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
