// Gauges of the whole cache, which are collected at each scrape: its size and its queues. In a cluster only the admin
// node has them, because all processes would report the same values. A single process has them too.
import { Gauge, type Registry } from 'prom-client';

interface CacheTotals {
  readonly blobs: number;
  readonly bytes: number;
}

export interface CacheObserved {
  /** Resolves to the number and bytes of the blobs and manifests in the store, as the index counts them. */
  totals(): Promise<CacheTotals>;
}

/** A gauge whose source is unavailable has no value. */
export function observeCache(registry: Registry, { totals }: CacheObserved): void {
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
  gaugeOf('cistern_cached_bytes', 'Bytes of blobs and manifests in the store, by the index.', (found) => found.bytes);
  gaugeOf('cistern_cached_blobs', 'Blobs and manifests in the store, by the index.', (found) => found.blobs);
}

/**
 * Exports how many nodes of each role the cache itself counts. `read` resolves to the live nodes. A role of `roles`, or one that was
 * seen before, is 0 without nodes. An unavailable source has no value.
 */
export function observeNodes(
  registry: Registry,
  roles: readonly string[],
  read: () => Promise<readonly { readonly role: string }[]>,
): void {
  const known = new Set(roles);
  const nodes = new Gauge({
    name: 'cistern_nodes',
    help: 'Live nodes by role, as the cache itself counts them. 0 after the last node of a role has gone.',
    labelNames: ['role'],
    registers: [registry],
    async collect() {
      const found = await answerWithin(read());
      nodes.reset();
      if (found === undefined) return;
      for (const { role } of found) known.add(role);
      for (const role of known) nodes.set({ role }, found.filter((node) => node.role === role).length);
    },
  });
}

export interface QueueFacts {
  /** The name of the queue, such as `interactive-blob`. */
  readonly queue: string;
  readonly waiting: number;
  readonly active: number;
  /** Jobs that failed within the last hour. */
  readonly failed: number;
  /** How long the oldest waiting job has waited, in seconds; 0 if no job waits. */
  readonly oldestWaitingSeconds: number;
}

/** A gauge whose source is unavailable has no value. */
export function observeJobs(registry: Registry, readQueues: () => Promise<readonly QueueFacts[]>): void {
  const registers = [registry];
  const readFacts = shareAnswer(readQueues);
  const oldest = new Gauge({
    name: 'cistern_queue_oldest_waiting_seconds',
    help: 'Waiting time of the oldest waiting job in a queue; 0 without one.',
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
    help: 'Jobs in a queue, by state. Failed jobs are kept for an hour.',
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

/** Returns a function whose simultaneous callers share one result of `read`, because several gauges have the same source. */
function shareAnswer<T>(read: () => Promise<T>): () => Promise<T | undefined> {
  let reading: Promise<T | undefined> | undefined;
  return () => (reading ??= answerWithin(read()).finally(() => (reading = undefined)));
}

const limitMs = 3000;

/**
 * Resolves to `undefined` if `answer` rejects, or does not settle within three seconds. So a call that hangs does not prevent the
 * scrape of all other metrics.
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
