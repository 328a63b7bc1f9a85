// Tells the nodes that something was purged, so that they forget what they remember of contents. What is remembered of records is
// forgotten by the index's own announcements.
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex } from '@cistern/index';

type Announced = Pick<CacheIndex, 'pubsub'>;

export interface FollowedPurges {
  /** Calls `forget` after each purge, and whenever one may have been missed. */
  onPurge(forget: () => void): void;
  close(): Promise<void>;
}

const purgesTopic = 'purges';
const resubscribeMs = 1_000;

/** Never rejects: what was purged is not found by its name any more, whoever remembers its bytes. */
export async function publishPurge({ pubsub }: Announced): Promise<void> {
  await pubsub.publish(purgesTopic, 'purged').catch(() => {});
}

/** The caller closes it. */
export function followPurges({ pubsub }: Announced): FollowedPurges {
  const closing = new AbortController();
  const forgets: (() => void)[] = [];

  async function listen(): Promise<void> {
    for (;;) {
      try {
        const unsubscribe = await pubsub.subscribe(purgesTopic, () => {
          for (const forget of forgets) forget();
        });
        if (closing.signal.aborted) return unsubscribe();
        closing.signal.addEventListener('abort', unsubscribe, { once: true });
        return;
      } catch {
        await delay(resubscribeMs, undefined, { signal: closing.signal });
      }
    }
  }

  listen().catch(() => {});
  return {
    onPurge: (forget) => void forgets.push(forget),
    async close() {
      closing.abort();
    },
  };
}
