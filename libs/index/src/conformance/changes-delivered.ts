// Waits for announcements, for tests of an index that remembers records.
import type { PubSub } from '../cache-index.ts';
import { changesTopic } from '../records.ts';

/** A message that names no record. All listeners of the topic receive it. */
export const syncMessage = 'all received';

/**
 * Resolves when the listeners of this process have received all earlier announcements. Without this wait, a record that
 * a test reads may be dropped from memory again, because the announcement of the test's own write arrives later.
 */
export async function changesDelivered(pubsub: PubSub): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = await pubsub.subscribe(changesTopic, (message) => {
    if (message === syncMessage) resolve();
  });
  await pubsub.publish(changesTopic, syncMessage);
  await promise;
  unsubscribe();
}
