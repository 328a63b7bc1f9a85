// Tracks whether a shared index responds, and whether it delivers changes. During an outage no call waits for the
// index: calls use their fallback, and one probe each second detects the recovery.
import { isCacheError } from '@cistern/errors';
import { watchIndexOutage } from '@cistern/redis';
import type { CacheIndex, IndexLog } from '../cache-index.ts';
import { keepSubscribed } from '../keep-subscribed.ts';
import { changesTopic } from '../records.ts';

export interface ReachOptions {
  readonly index: Pick<CacheIndex, 'pubsub' | 'check'>;
  readonly log: IndexLog;
  /** Called when a process has announced a change of the record `name`. */
  readonly onChange: (name: string) => void;
  /** Called when announcements of changes may have been missed. */
  readonly onGap: () => void;
}

export type Reach = ReturnType<typeof createReach>;

const probeEveryMs = 1000;

export function createReach({ index, log, onChange, onGap }: ReachOptions) {
  let isListening = false;
  const changes = keepSubscribed(index.pubsub, changesTopic, (message) => {
    if (message !== undefined) return message.split('\n').forEach(onChange);
    isListening = true;
    onGap();
  });
  const fallback = createFallback(log, () => index.check(), onGap);
  return {
    ...fallback,
    /** Reports whether this process receives changes now. */
    isListening: () => isListening,
    close(): void {
      isListening = false;
      changes.close();
      fallback.close();
    },
  };
}

function createFallback(log: IndexLog, probe: () => Promise<unknown>, onEnd: () => void) {
  const outage = watchIndexOutage(log);
  let isAway = false;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function begin(error: unknown, probeNext: () => Promise<unknown>): void {
    outage.failed(error);
    if (isAway) return;
    isAway = true;
    probeLater(probeNext);
  }

  function probeLater(probeNext: () => Promise<unknown>): void {
    timer = setTimeout(() => {
      probeNext().then(end, (error: unknown) => {
        if (isClosed) return;
        outage.failed(error);
        probeLater(probeNext);
      });
    }, probeEveryMs).unref();
  }

  function end(): void {
    if (!isAway || isClosed) return;
    isAway = false;
    outage.recovered();
    onEnd();
  }

  async function attempt<T>(call: () => Promise<T>, otherwise: () => T, probeNext: () => Promise<unknown>): Promise<T> {
    if (isAway) {
      outage.skipped();
      return otherwise();
    }
    try {
      return await call();
    } catch (error) {
      if (isClosed || !isCacheError(error, 'index-unavailable')) throw error;
      begin(error, probeNext);
      return otherwise();
    }
  }

  return {
    /** Returns the result of `call`, or of `otherwise` while the index is unavailable. */
    // The probes repeat the failed call, because in a Redis Cluster other nodes may respond while the node of this call
    // does not.
    read: <T>(call: () => Promise<T>, otherwise: () => T): Promise<T> => attempt(call, otherwise, call),
    /** Like `read`, for a write. A write that `otherwise` replaced is not repeated after the outage. */
    write: <T>(call: () => Promise<T>, otherwise: () => T): Promise<T> => attempt(call, otherwise, probe),
    close() {
      isClosed = true;
      clearTimeout(timer);
      outage.close();
    },
  };
}
