// Dependencies that the parts of the index in Redis share.
import { createThrottledWarning } from '@cistern/redis/client';
import type { IndexLog, PubSub } from '../cache-index.ts';
import { changesTopic } from '../records.ts';
import type { Keys } from './keys.ts';
import { type RedisCalls, createWriteBehind, type WriteBehind } from './redis-calls.ts';

export interface RedisParts {
  readonly calls: RedisCalls;
  readonly keys: Keys;
  readonly writeBehind: WriteBehind;
  /**
   * Announces changed records to other processes. Called after a write in Redis and before the method that writes
   * resolves. Never rejects, because a process that misses an announcement reads the records again within seconds
   * anyway.
   */
  readonly publishChanges: (...names: readonly string[]) => Promise<void>;
  /**
   * Runs a script that may change the record `name`. If the script returns 1, announces the change and resolves to
   * true. Otherwise resolves to false.
   */
  readonly change: (name: string, ...script: Parameters<RedisCalls['run']>) => Promise<boolean>;
  /**
   * Called when a script did not write a record because a newer release has written it. Logs only the first such record
   * of each kind.
   */
  readonly reportNewer: (kind: string, key: string) => void;
}

export function createRedisParts(calls: RedisCalls, keys: Keys, pubsub: PubSub, log: IndexLog): RedisParts {
  const warn = createThrottledWarning(log, 'failed to announce index change');
  const logged = new Set<string>();

  async function publishChanges(...names: readonly string[]): Promise<void> {
    if (names.length > 0) await pubsub.publish(changesTopic, names.join('\n')).catch(warn);
  }

  return {
    calls,
    keys,
    writeBehind: createWriteBehind(calls, log),
    publishChanges,
    async change(name, ...script) {
      const isChanged = (await calls.run(...script)) === 1;
      if (isChanged) await publishChanges(name);
      return isChanged;
    },
    reportNewer(kind, key) {
      if (logged.has(kind)) return;
      logged.add(kind);
      log.warn({ kind, key }, 'skipped overwriting Redis record of newer release');
    },
  };
}
