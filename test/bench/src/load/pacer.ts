// Decides when requests are due: at a fixed rate, or as soon as a connection is free.

export interface Pacer {
  /** Takes the next request if it is due at `nowMs`, and returns when it was due. */
  take(nowMs: number): number | undefined;
  /** Whether all requests are taken. */
  isOver(nowMs: number): boolean;
  /** The part of the requests that were taken more than a quarter of a second after they were due. */
  latePart(): number;
}

export interface Pace {
  readonly startMs: number;
  readonly seconds: number;
  /** Requests a second. Without it every request is due when a connection is free. */
  readonly rate?: number | undefined;
}

/** A busy machine stops a process for shorter times now and then. */
const lateMs = 250;
/**
 * So many requests are due at the same time. Single ones would wake the server for each request, and the figures would
 * mostly show what a wake-up costs on this machine.
 */
export const burst = 24;

/** Rounds down to whole bursts. */
const bursts = (requests: number) => requests - (requests % burst);

export function createPacer({ startMs, seconds, rate }: Pace): Pacer {
  const endMs = startMs + seconds * 1000;
  if (rate === undefined) {
    const isOver = (nowMs: number) => nowMs >= endMs;
    return { take: (nowMs) => (isOver(nowMs) ? undefined : nowMs), isOver, latePart: () => 0 };
  }
  const all = Math.round(rate * seconds);
  let [taken, late] = [0, 0];
  const dueMs = () => startMs + (bursts(taken) * 1000) / rate;
  return {
    take(nowMs) {
      const due = dueMs();
      if (taken === all || due > nowMs) return undefined;
      taken += 1;
      if (nowMs - due > lateMs) late += 1;
      return due;
    },
    isOver: () => taken === all,
    latePart: () => late / all,
  };
}
