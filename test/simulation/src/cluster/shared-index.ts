// The index that all simulated nodes share, with a count of the subscriptions that the nodes must end.
import type { CacheIndex, FillRecord } from '@cistern/index';
import { createIndexServer } from '@cistern/index/testing';

export interface SharedIndex {
  readonly index: CacheIndex;
  readonly subscriptions: number;
  /** Called when a claim or a heartbeat confirms that its caller owns a fill. */
  onOwned: ((record: FillRecord) => void) | undefined;
  /** Loses all data, as FLUSHALL does. */
  loseData(): void;
}

export function createSharedIndex(): SharedIndex {
  const server = createIndexServer({ now: Date.now });
  const pubsub = { lost: false, lateMs: 0, subscribed: 0 };
  const connected = server.connect({ failing: false, pubsub });
  const fills: CacheIndex['fills'] = {
    ...connected.fills,
    async claim(given) {
      const answer = await connected.fills.claim(given);
      if (answer !== undefined && 'fillId' in answer) shared.onOwned?.(answer);
      return answer;
    },
    async heartbeat(record, leaseMs) {
      const kept = await connected.fills.heartbeat(record, leaseMs);
      if (kept !== 'lost') shared.onOwned?.(record);
      return kept;
    },
  };
  const shared: SharedIndex = {
    index: { ...connected, fills },
    onOwned: undefined,
    loseData: server.loseData,
    get subscriptions() {
      return pubsub.subscribed;
    },
  };
  return shared;
}
