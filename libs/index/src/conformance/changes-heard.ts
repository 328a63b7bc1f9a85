// For tests that look at what an index remembers: whatever was announced before has been heard.
import type { PubSub } from '../cache-index.ts';
import { changesTopic } from '../records.ts';

/** It names no record. Other listeners hear it too. */
export const lastWord = 'all heard';

/**
 * Resolves when everybody who has listened in this process through `announcements` knows of the changes that were written
 * before: a record that is read from now on stays remembered. A writer's own word may reach it later than its next read.
 */
export async function changesHeard(pubsub: PubSub): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const unsubscribe = await pubsub.subscribe(changesTopic, (message) => {
    if (message === lastWord) resolve();
  });
  await pubsub.publish(changesTopic, lastWord);
  await promise;
  unsubscribe();
}
