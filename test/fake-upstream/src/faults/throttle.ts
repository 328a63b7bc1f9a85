// The limits of a CDN: bytes per second for each connection, and for all of them together. It works in real and in
// virtual time.
// real-time: a throttle delays bytes by its rates
import { setTimeout as delay } from 'node:timers/promises';

export interface ThrottleOptions {
  /** Bytes per second of each connection. Default: no limit. */
  readonly perConnection?: number | undefined;
  /** Bytes per second of all connections. Default: no limit. */
  readonly sum?: number | undefined;
}

export interface Throttle {
  /**
   * For one connection, or one response. The returned function resolves when this many more bytes may be sent.
   * Connections take turns.
   */
  begin(): (bytes: number, signal?: AbortSignal) => Promise<void>;
}

/** Timers are late by a few milliseconds. A rate compensates for up to this delay. */
const compensatedMs = 25;

export function createThrottle({ perConnection = Infinity, sum = Infinity }: ThrottleOptions): Throttle {
  const takeOfSum = createTurns(sum);
  return {
    begin() {
      const takeOwn = createTurns(perConnection);
      return async (bytes, signal) => {
        const now = performance.now();
        const waitMs = Math.max(takeOwn(bytes, now), takeOfSum(bytes, now)) - now;
        if (waitMs > 1) await delay(waitMs, undefined, { ...(signal !== undefined && { signal }) });
      };
    },
  };
}

/** Returns the time at which the bytes may be sent, by `performance.now()`. */
function createTurns(bytesPerSecond: number): (bytes: number, now: number) => number {
  let freeAtMs = Number.NEGATIVE_INFINITY;
  return (bytes, now) => {
    const turnMs = Math.max(freeAtMs, now - compensatedMs);
    freeAtMs = (freeAtMs === Number.NEGATIVE_INFINITY ? now : turnMs) + (bytes / bytesPerSecond) * 1000;
    return turnMs;
  };
}
