// Subscribes to a topic of the index. While the index is unavailable, it retries every second.
import { setTimeout as delay } from 'node:timers/promises';
import type { PubSub } from './cache-index.ts';

const retryMs = 1000;

/**
 * Calls `listener` with `undefined` when the subscription starts, and then as `subscribe` does. The caller closes the
 * subscription.
 */
export function keepSubscribed(
  pubsub: PubSub,
  topic: string,
  listener: (message: string | undefined) => void,
): { close(): void } {
  const closing = new AbortController();
  let end: (() => void) | undefined;

  async function listen(): Promise<void> {
    while (end === undefined) {
      try {
        const unsubscribe = await pubsub.subscribe(topic, listener);
        if (closing.signal.aborted) return unsubscribe();
        end = unsubscribe;
        listener(undefined);
      } catch {
        // Nothing is logged here, because other calls log that the index is unavailable.
        await delay(retryMs, undefined, { ref: false, signal: closing.signal });
      }
    }
  }

  listen().catch(() => {});
  return {
    close() {
      closing.abort();
      end?.();
    },
  };
}
