// The limits of a CDN: bytes a second for each connection, and for all of them together. Works in real and in virtual time.
// real-time: a throttle delays bytes by its rates
import { setTimeout as delay } from 'node:timers/promises';

export interface ThrottleOptions {
  /** Bytes a second of each connection. Default: no limit. */
  readonly perConnection?: number | undefined;
  /** Bytes a second of all connections. Default: no limit. */
  readonly sum?: number | undefined;
}

export interface Throttle {
  /** For one connection, or one answer. The returned function resolves when so many more bytes may go; connections take turns. */
  begin(): (bytes: number, signal?: AbortSignal) => Promise<void>;
}

/** Timers are late by a few milliseconds; a rate makes up for so much. */
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

/** Returns the time at which the bytes may go, by `performance.now()`. */
function createTurns(bytesPerSecond: number): (bytes: number, now: number) => number {
  let freeAtMs = Number.NEGATIVE_INFINITY;
  return (bytes, now) => {
    const turnMs = Math.max(freeAtMs, now - compensatedMs);
    freeAtMs = (freeAtMs === Number.NEGATIVE_INFINITY ? now : turnMs) + (bytes / bytesPerSecond) * 1000;
    return turnMs;
  };
}
