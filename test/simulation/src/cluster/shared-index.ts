// The index that all simulated nodes share: SQLite in memory. It can lose its data, as Redis does by FLUSHALL; then claims wait
// until living owners have put their records back.
import type { CacheIndex } from '@cistern/cache-index';
import { openSqliteIndex } from '@cistern/cache-index/sqlite';
import { schedule } from '../world/schedule.ts';

export interface SharedIndex {
  readonly index: CacheIndex;
  readonly subscriptions: number;
  loseData(): Promise<void>;
  close(): Promise<void>;
}

/** As `settleMs` of the Redis index: longer than two heartbeats. */
const settleMs = 2_500;
const silence = { warn() {}, error() {}, info() {} };

const open = () => openSqliteIndex({ path: ':memory:', now: Date.now, log: silence });

export async function openSharedIndex(): Promise<SharedIndex> {
  const first = await open();
  let current = first;
  let settledAtMs = 0;
  let subscriptions = 0;

  const announcements: CacheIndex['announcements'] = {
    publish: first.announcements.publish,
    async subscribe(...given) {
      const end = await first.announcements.subscribe(...given);
      subscriptions += 1;
      return () => {
        subscriptions -= 1;
        end();
      };
    },
  };
  const claim: CacheIndex['fills']['claim'] = async (given) => {
    const unsettledForMs = settledAtMs - schedule.nowMs;
    if (unsettledForMs > 0 && (await current.fills.read(given.digest)) === undefined) return { unsettledForMs };
    return current.fills.claim(given);
  };
  const index = new Proxy(first, {
    get(_, key) {
      if (key === 'announcements') return announcements;
      if (key === 'fills') return { ...current.fills, claim };
      return Reflect.get(current, key);
    },
  });

  return {
    index,
    get subscriptions() {
      return subscriptions;
    },
    async loseData() {
      const lost = current;
      current = await open();
      settledAtMs = schedule.nowMs + settleMs;
      if (lost !== first) await lost.close();
    },
    async close() {
      await current.close();
      if (current !== first) await first.close();
    },
  };
}
