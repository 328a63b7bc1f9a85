// Loses announcements as Redis does when a connection breaks. After the reconnect each listener is notified that it may
// have missed some.
import type { PubSub } from '@cistern/index';
import type { Owner } from '../world/owner.ts';
import { plan } from '../world/schedule.ts';

export interface Gaps {
  /** Records that an announcement was lost. Returns true. */
  note(): true;
  /** Returns the `pubsub` for the process. Its listeners are notified after a gap. */
  watch(pubsub: PubSub): PubSub;
}

const reconnectMs = 2_000;

export function createGaps(owner: Owner): Gaps {
  const listeners = new Set<() => void>();
  let isBroken = false;
  const reconnect = () => {
    isBroken = false;
    for (const listener of listeners) listener();
  };
  return {
    note() {
      if (!isBroken) plan(reconnectMs, reconnect, { owner, label: 'subscriber reconnects', keepsAlive: false });
      isBroken = true;
      return true;
    },
    watch: (pubsub) => ({
      publish: (...given) => pubsub.publish(...given),
      async subscribe(topic, listener) {
        const end = await pubsub.subscribe(topic, listener);
        const missed = () => listener(undefined);
        listeners.add(missed);
        return () => {
          listeners.delete(missed);
          end();
        };
      },
    }),
  };
}
