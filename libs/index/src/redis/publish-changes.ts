// Tells other processes which records have changed, after the write and before the writer goes on. One that cannot be told
// forgets what it remembers within seconds, so a write does not fail for it.
import type { PubSub } from '../pubsub.ts';
import { changesTopic } from '../index-changes.ts';
import type { IndexLog } from '../index-log.ts';
import { createSeldomWarning } from '@cistern/redis/client';

/** Never rejects. Says nothing where nothing is named. */
export type PublishChanges = (...names: readonly string[]) => Promise<void>;

export function createPublishChanges(pubsub: PubSub, log: IndexLog): PublishChanges {
  const warn = createSeldomWarning(log, 'a change of the index could not be announced');
  return async (...names) => {
    if (names.length > 0) await pubsub.publish(changesTopic, names.join('\n')).catch(warn);
  };
}
