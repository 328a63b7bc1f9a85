// Lets tests of an index's memory wait until all earlier announcements have arrived.
import type { PubSub } from '../cache-index.ts';
import { changesTopic } from '../records.ts';

/** Names no record. Other listeners receive it too. */
export const syncMessage = 'all received';

/**
 * Resolves once every listener of this process on `announcements` has received the earlier changes. Records read from
 * then on stay in memory. A writer's own announcement may arrive after its next read.
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
