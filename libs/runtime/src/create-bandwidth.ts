// Limits the total rate at which callers read bytes that no client waits for. After a read, a caller waits as long as
// its bytes take at that rate.
import { setTimeout as delay } from 'node:timers/promises';

export interface Bandwidth {
  /**
   * Resolves after the time that the bytes take at the limited rate, or at the next check after `isWaitedFor` has
   * become true. Rejects when the signal aborts.
   */
  spend(bytes: number, isWaitedFor: () => boolean, signal: AbortSignal): Promise<void>;
}

const checkEveryMs = 50;
/** The maximum unused time that later bytes can use. Time is unused when no bytes arrive, or bytes arrive slowly. */
const creditMs = 100;

export function createBandwidth(bytesPerSecond: number): Bandwidth {
  let freeAtMs: number | undefined;
  return {
    async spend(bytes, isWaitedFor, signal) {
      // Bytes for a waiting client are not counted, because all others would have to wait for them.
      if (isWaitedFor()) return;
      signal.throwIfAborted();
      const nowMs = performance.now();
      freeAtMs = Math.max(freeAtMs ?? nowMs, nowMs - creditMs) + (bytes / bytesPerSecond) * 1000;
      const untilMs = freeAtMs;
      for (let leftMs = untilMs - nowMs; leftMs > 0 && !isWaitedFor(); leftMs = untilMs - performance.now())
        await delay(Math.min(leftMs, checkEveryMs), undefined, { signal });
    },
  };
}
