// The index that all simulated nodes share, and what of it nobody may leave behind.
import type { CacheIndex } from '@cistern/index';
import { createIndexServer } from '@cistern/index/testing';

export interface SharedIndex {
  readonly index: CacheIndex;
  readonly subscriptions: number;
  /** As FLUSHALL does it. */
  loseData(): void;
}

export function createSharedIndex(): SharedIndex {
  const server = createIndexServer({ now: Date.now });
  const pubsub = { lost: false, lateMs: 0, subscribed: 0 };
  return {
    index: server.connect({ failing: false, pubsub }),
    loseData: server.loseData,
    get subscriptions() {
      return pubsub.subscribed;
    },
  };
}
