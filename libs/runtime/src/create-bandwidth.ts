// Limits the total rate of bytes for which no client waits. A caller that has read bytes waits for their time.
import { setTimeout as delay } from 'node:timers/promises';

export interface Bandwidth {
  /** Resolves after the bytes' time, or at the next check once `isWaitedFor` is true. Rejects when aborted. */
  spend(bytes: number, isWaitedFor: () => boolean, signal: AbortSignal): Promise<void>;
}

const checkEveryMs = 50;
/** The maximum time that idle time, or slow arrival of bytes, is credited. */
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
