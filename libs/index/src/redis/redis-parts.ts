// Dependencies that the parts of the index share.
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
   * Announces changed records to other processes, after the write and before the write resolves. Never rejects: a
   * process that misses the announcement drops its records within seconds, so the write need not fail.
   */
  readonly publishChanges: (...names: readonly string[]) => Promise<void>;
  /**
   * Runs a script that may change the record of that name, and announces the change if the script returns 1. Resolves
   * to whether it did.
   */
  readonly change: (name: string, ...script: Parameters<RedisCalls['run']>) => Promise<boolean>;
  /** Reports a write that was refused because a newer release wrote the record. Logs the first one of each kind. */
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
