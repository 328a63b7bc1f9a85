// Tracks whether a shared index responds, and whether it delivers changes. During an outage no call waits for the
// index: calls use their fallback, and one probe each second detects the recovery.
import { isCacheError } from '@cistern/errors';
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
  const outage = createOutage(log, () => index.check(), onGap);
  return {
    ...outage,
    /** Reports whether this process receives changes now. */
    isListening: () => isListening,
    close(): void {
      isListening = false;
      changes.close();
      outage.close();
    },
  };
}

function createOutage(log: IndexLog, probe: () => Promise<unknown>, onEnd: () => void) {
  let startedAtMs: number | undefined;
  let unwritten = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function begin(error: unknown, probeNext: () => Promise<unknown>): void {
    if (startedAtMs !== undefined || isClosed) return;
    startedAtMs = performance.now();
    unwritten = 0;
    log.warn({ err: error }, 'index unavailable, falling back to memory and store');
    probeLater(probeNext);
  }

  function probeLater(probeNext: () => Promise<unknown>): void {
    timer = setTimeout(() => {
      probeNext().then(end, () => {
        if (!isClosed) probeLater(probeNext);
      });
    }, probeEveryMs).unref();
  }

  function end(): void {
    if (startedAtMs === undefined) return;
    const outageMs = Math.round(performance.now() - startedAtMs);
    startedAtMs = undefined;
    log.warn({ outageMs, unwritten }, 'index available again');
    onEnd();
  }

  async function attempt<T>(call: () => Promise<T>, otherwise: () => T, probeNext: () => Promise<unknown>): Promise<T> {
    if (startedAtMs !== undefined) return otherwise();
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
    async write<T>(call: () => Promise<T>, otherwise: () => T): Promise<T> {
      return attempt(
        call,
        () => {
          unwritten += 1;
          return otherwise();
        },
        probe,
      );
    },
    close() {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}
