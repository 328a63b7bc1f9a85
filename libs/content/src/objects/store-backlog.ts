// What a worker has for the store while the store takes nothing: writes are kept in memory and tried again until they are
// done, so that an outage costs clients nothing and the store is the truth again afterwards.
import { isCacheError } from '@cistern/errors';
import type { Logger } from '@cistern/telemetry';

export type StoreBacklog = ReturnType<typeof createStoreBacklog>;

interface Waiting {
  readonly write: () => Promise<void>;
  readonly value: Buffer | undefined;
}

const maxWaiting = 10_000;
const maxValueBytes = 64 * 1024 * 1024;
const retryMs = 2_000;

export function createStoreBacklog({ log }: { readonly log: Logger }) {
  const waiting = new Map<string, Waiting>();
  let valueBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> | undefined;
  let closed = false;

  const forget = (key: string) => {
    valueBytes -= waiting.get(key)?.value?.length ?? 0;
    waiting.delete(key);
  };

  const keep = (key: string, entry: Waiting) => {
    forget(key);
    waiting.set(key, entry);
    valueBytes += entry.value?.length ?? 0;
    for (const [oldest] of waiting) {
      if (waiting.size <= maxWaiting && valueBytes <= maxValueBytes) break;
      forget(oldest);
      log.error(
        { key: oldest },
        'the store takes nothing and too much waits for it: this is fetched again when asked for',
      );
    }
  };

  /** Oldest first, until one fails. */
  const workOff = async () => {
    for (const [key, entry] of waiting) {
      try {
        await entry.write();
        if (waiting.get(key) === entry) forget(key);
      } catch (error) {
        if (isCacheError(error, 'store-unavailable')) return;
        log.error({ err: error, key }, 'the store did not take what waited for it');
        if (waiting.get(key) === entry) forget(key);
      }
    }
  };

  const schedule = () => {
    if (closed || waiting.size === 0) return;
    timer ??= setTimeout(() => {
      timer = undefined;
      working = workOff().finally(schedule);
    }, retryMs);
  };

  return {
    /**
     * Does `write`. If the store is unavailable it is tried again later, unless another write of the same key has replaced it,
     * and this resolves with `waiting`. Rejects with any other failure.
     */
    async write(key: string, write: () => Promise<void>, value?: Buffer): Promise<'written' | 'waiting'> {
      try {
        await write();
        forget(key);
        return 'written';
      } catch (error) {
        if (!isCacheError(error, 'store-unavailable')) throw error;
        log.warn({ err: error, key }, 'the store does not take this yet');
        keep(key, { write, value });
        schedule();
        return 'waiting';
      }
    },
    /** The value of a write that waits. */
    waitingValue: (key: string): Buffer | undefined => waiting.get(key)?.value,
    /** Tries each once more, and forgets those that the store does not take. */
    async close(): Promise<void> {
      closed = true;
      clearTimeout(timer);
      await working;
      await workOff();
      if (waiting.size > 0) log.error({ waiting: waiting.size }, 'closed before the store took everything');
    },
  };
}

/**
 * What `look` finds; `undefined`, as if the store had nothing, while it is unavailable: that is no reason to refuse what an
 * upstream can give.
 */
export async function ifStoreAnswers<T>(log: Logger, look: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (!isCacheError(error, 'store-unavailable')) throw error;
    log.warn({ err: error }, 'the store cannot be asked: upstream is');
    return undefined;
  }
}
