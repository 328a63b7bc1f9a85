// Simulated faults between a process and its index, for tests: missing or late responses, and lost or late
// announcements.
import { CacheError } from '@cistern/errors';
import type { PubSub, CacheIndex } from '../cache-index.ts';

/** Faults of one process. A test may change them at any time. */
export interface IndexFaults {
  /** While true, every call rejects with `index-unavailable`, as if Redis were unavailable. */
  failing: boolean;
  /** Delay of each response in milliseconds. The call itself takes effect immediately. Default: 0. */
  lateMs?: number;
  readonly pubsub?: PubSubFaults;
}

export interface PubSubFaults {
  /** While true, messages of this process reach no process, and this process receives no messages. */
  lost: boolean;
  /** Delay of this process's messages in milliseconds. */
  lateMs: number;
  /** Number of active subscriptions. */
  subscribed: number;
}

type Method = (...given: unknown[]) => unknown;

/** Returns `index` as a process with `faults` sees it. Its `close` closes `index`. */
export function withFaults(index: CacheIndex, faults: IndexFaults): CacheIndex {
  let isClosed = false;

  function checkReachable(): void {
    if (isClosed) throw new CacheError('index-unavailable', 'The index is closed.');
    if (faults.failing) throw new CacheError('index-unavailable', 'The index was made to fail.', { retryable: true });
  }

  async function call<T>(request: () => Promise<T>): Promise<T> {
    checkReachable();
    const response = request();
    const { lateMs = 0 } = faults;
    if (lateMs === 0) return response;
    response.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, lateMs));
    // If the connection has failed meanwhile, the caller gets an error, although its call took effect.
    checkReachable();
    return response;
  }

  /**
   * Adds the faults to all methods of a part, except those in `own`. It gets the method from the index at each call,
   * because an index that lost its data has new methods.
   */
  function part<K extends keyof CacheIndex>(name: K, own: Partial<CacheIndex[K]> = {}): CacheIndex[K] {
    const request = (method: string, given: unknown[]) =>
      (Reflect.get(index[name], method) as Method)(...given) as Promise<unknown>;
    const calls = Object.keys(index[name]).map((method) => [
      method,
      async (...given: unknown[]) => call(() => request(method, given)),
    ]);
    return { ...Object.fromEntries(calls), ...own } as CacheIndex[K];
  }

  async function* walk<T>(found: AsyncIterable<T>) {
    for await (const one of found) yield await call(async () => one);
    checkReachable();
  }

  return {
    tags: part('tags', { fromMemory: (key) => index.tags.fromMemory(key) }),
    manifests: part('manifests'),
    blobs: part('blobs', {
      fromMemory: (digest) => index.blobs.fromMemory(digest),
      leastRecent: () => walk(index.blobs.leastRecent()),
      shards: (first) => walk(index.blobs.shards(first)),
    }),
    links: part('links', { fromMemory: (key, digest) => index.links.fromMemory(key, digest) }),
    fills: part('fills'),
    leases: part('leases'),
    values: part('values'),
    popularity: part('popularity', {
      countTag(...given) {
        if (!faults.failing && !isClosed) index.popularity.countTag(...given);
      },
      countPlatform(...given) {
        if (!faults.failing && !isClosed) index.popularity.countPlatform(...given);
      },
    }),
    nodes: part('nodes'),
    audit: part('audit'),
    epoch: part('epoch'),
    pubsub: part('pubsub', pubsubWithFaults(index, call, faults.pubsub)),
    now: () => index.now(),
    check: () => call(() => index.check()),
    findFull: () => call(() => index.findFull()),
    async close() {
      isClosed = true;
      await index.close();
    },
  };
}

function pubsubWithFaults(
  index: CacheIndex,
  call: <T>(request: () => Promise<T>) => Promise<T>,
  faults: PubSubFaults = { lost: false, lateMs: 0, subscribed: 0 },
): PubSub {
  return {
    publish: (...given) =>
      call(async () => {
        if (faults.lost) return;
        if (faults.lateMs === 0) return index.pubsub.publish(...given);
        setTimeout(() => void index.pubsub.publish(...given).catch(() => {}), faults.lateMs);
      }),
    subscribe: (topic, listener) =>
      call(async () => {
        const unsubscribe = await index.pubsub.subscribe(topic, (message) => {
          if (!faults.lost) listener(message);
        });
        faults.subscribed += 1;
        let isEnded = false;
        return () => {
          if (isEnded) return;
          isEnded = true;
          faults.subscribed -= 1;
          unsubscribe();
        };
      }),
  };
}
