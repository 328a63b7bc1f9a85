// How fast bytes that nobody waits for may come, all of them together: whoever takes some waits until it is the turn of the
// next.
import { setTimeout as delay } from 'node:timers/promises';

export interface Bandwidth {
  /** Resolves when the bytes have had their time, or at the next look once `isWaitedFor` is true; rejects when aborted. */
  spend(bytes: number, isWaitedFor: () => boolean, signal: AbortSignal): Promise<void>;
}

const lookEveryMs = 50;
/** Of the time that bytes took to come, or that nobody wanted any, so much is made up for. */
const creditMs = 100;

export function createBandwidth(bytesPerSecond: number): Bandwidth {
  let freeAtMs: number | undefined;
  return {
    async spend(bytes, isWaitedFor, signal) {
      // What somebody waits for is not counted: the rest would have to make up for it.
      if (isWaitedFor()) return;
      signal.throwIfAborted();
      const nowMs = performance.now();
      freeAtMs = Math.max(freeAtMs ?? nowMs, nowMs - creditMs) + (bytes / bytesPerSecond) * 1000;
      const untilMs = freeAtMs;
      for (let leftMs = untilMs - nowMs; leftMs > 0 && !isWaitedFor(); leftMs = untilMs - performance.now())
        await delay(Math.min(leftMs, lookEveryMs), undefined, { signal });
    },
  };
}
