// What the parts of the index share.
import { createSeldomWarning } from '@cistern/redis/client';
import type { IndexLog, PubSub } from '../cache-index.ts';
import { changesTopic } from '../records.ts';
import type { Keys } from './keys.ts';
import { type RedisCalls, createWriteBehind, type WriteBehind } from './redis-calls.ts';

export interface RedisParts {
  readonly calls: RedisCalls;
  readonly keys: Keys;
  readonly writeBehind: WriteBehind;
  /**
   * Announces to other processes which records have changed, after the write and before the writer goes on. A process that does not
   * hear it forgets its records within seconds, so a write does not fail for it: this never rejects.
   */
  readonly publishChanges: (...names: readonly string[]) => Promise<void>;
  /**
   * Runs a script that may change the record of that name, announces it if the script returns 1, and resolves with whether it
   * does.
   */
  readonly change: (name: string, ...script: Parameters<RedisCalls['run']>) => Promise<boolean>;
  /** A write was refused, because the record there is of a newer release. Logs the first one of each kind. */
  readonly reportNewer: (kind: string, key: string) => void;
}

export function createRedisParts(calls: RedisCalls, keys: Keys, pubsub: PubSub, log: IndexLog): RedisParts {
  const warn = createSeldomWarning(log, 'a change of the index could not be announced');
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
      log.warn({ kind, key }, 'a record in Redis is of a newer release and was left as it is; there may be more');
    },
  };
}
