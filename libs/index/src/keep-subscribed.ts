// Listens to a topic of the index for as long as a part lives. While the index cannot be reached, it tries again every second.
import { setTimeout as delay } from 'node:timers/promises';
import type { PubSub } from './cache-index.ts';

const tryAgainMs = 1000;

/** Calls `listener` with `undefined` when it begins to listen, and as `subscribe` does from then on. The caller closes it. */
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
        // The calls that need the index log that it cannot be reached.
        await delay(tryAgainMs, undefined, { ref: false, signal: closing.signal });
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
