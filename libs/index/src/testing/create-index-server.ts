// An index for tests that several simulated processes share, like an index in Redis. It is an SQLite database in
// memory. It can lose all data, and it announces changes.
import { shardCount } from '../blobs.ts';
import type { CacheIndex, IndexLog } from '../cache-index.ts';
import { openDatabase } from '../sqlite/open-database.ts';
import { createSqliteIndex } from '../sqlite/open-sqlite-index.ts';
import { publishChanges } from './publish-changes.ts';
import { createLosses, settleMs } from './create-losses.ts';
import { type IndexFaults, withFaults } from './index-faults.ts';

export interface IndexServerOptions {
  readonly now: () => number;
  readonly log?: IndexLog | undefined;
}

export interface IndexServer {
  /** Returns the index as one more process sees it. */
  connect(faults?: IndexFaults): CacheIndex;
  /**
   * Removes all data, as FLUSHALL does. Subscriptions stay active. Claims then wait for the owners of fills in flight.
   */
  loseData(): void;
}

const silent: IndexLog = { warn() {}, error() {} };

/** Creates an index that is empty, complete and settled. It need not be closed. */
export function createIndexServer({ now, log = silent }: IndexServerOptions): IndexServer {
  const openEmpty = () => createSqliteIndex(openDatabase({ path: ':memory:', now, log }), { now, log, settleMs });
  const first = openEmpty();
  let current = publishChanges(first, first.pubsub);
  const losses = createLosses(now);

  const claim: CacheIndex['fills']['claim'] = async (given) => {
    if ((await current.fills.read(given.digest)) === undefined) {
      const unsettledForMs = losses.unsettledForMs();
      if (unsettledForMs > 0) return { unsettledForMs };
    }
    return current.fills.claim(given);
  };

  /** Stops after a loss of data, so that it does not return lost records. */
  async function* leastRecent() {
    const walked = current;
    for await (const record of walked.blobs.leastRecent()) {
      if (walked !== current) return;
      yield record;
    }
  }

  /** Continues after a loss of data, without the lost records. */
  async function* shards(from: number) {
    for (let position = from; position < shardCount; position += 1)
      for await (const shard of current.blobs.shards(position)) {
        yield shard;
        break;
      }
  }

  const shared = new Proxy(first, {
    get(_, key: keyof CacheIndex) {
      if (key === 'pubsub') return first.pubsub;
      if (key === 'epoch') return losses.epoch;
      if (key === 'fills') return { ...current.fills, claim };
      if (key === 'blobs') return { ...current.blobs, leastRecent, shards };
      // Does nothing, because other processes still use the index.
      if (key === 'close') return async () => {};
      return current[key];
    },
  });

  return {
    connect: (faults = { failing: false }) => withFaults(shared, faults),
    loseData() {
      current = publishChanges(openEmpty(), first.pubsub);
      losses.begin();
    },
  };
}

/** Creates the index of a single process. */
export function createTestIndex({ faults, ...options }: IndexServerOptions & { faults?: IndexFaults }): CacheIndex {
  return createIndexServer(options).connect(faults);
}
