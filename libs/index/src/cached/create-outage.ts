// Whether the index can be reached. While it cannot, nobody waits for it: calls are answered without it, and one probe a
// second finds out when it is back.
import { isCacheError } from '@cistern/errors';
import type { IndexLog } from '../index-log.ts';

export interface OutageOptions {
  readonly log: IndexLog;
  /** Rejects while the index cannot be reached. */
  readonly probe: () => Promise<unknown>;
  readonly onEnd: () => void;
}

export interface Outage {
  /** Resolves as `call` does, or as `otherwise` while the index cannot be reached. */
  read<T>(call: () => Promise<T>, otherwise: () => T): Promise<T>;
  /** As `read`, for a call that is not made up for. */
  write<T>(call: () => Promise<T>, otherwise: () => T): Promise<T>;
  close(): void;
}

const probeEveryMs = 1000;

export function createOutage({ log, probe, onEnd }: OutageOptions): Outage {
  let startedAtMs: number | undefined;
  let unwritten = 0;
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function begin(error: unknown, probeNext: () => Promise<unknown>): void {
    if (startedAtMs !== undefined || isClosed) return;
    startedAtMs = performance.now();
    unwritten = 0;
    log.warn({ err: error }, 'the index cannot be reached: requests are answered from memory and from the store');
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
    log.warn({ outageMs, unwritten }, 'the index can be reached again');
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
    // The very call that failed tells best: of a cluster another node may answer while the one that it needs does not.
    read: (call, otherwise) => attempt(call, otherwise, call),
    async write(call, otherwise) {
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
