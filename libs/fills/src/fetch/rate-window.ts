// Measures the bytes that fills receive in a window of one second. Only fills that are active at the beginning of the window
// count.

export const windowMs = 1_000;
/** If the second half of a window is faster than the first by this factor, the rate is rising. The window is then not used. */
const rise = 1.2;

export interface RateWindow<Fill> {
  /**
   * Starts a window at `atMs`, which may be in the future. Only the bytes of `fills` count. The values of the map are their
   * numbers of connections.
   */
  begin(atMs: number, fills: ReadonlyMap<Fill, number>): void;
  /** Counts nothing until the next `begin`. */
  wait(): void;
  add(fill: Fill, bytes: number, now: number): void;
  has(fill: Fill): boolean;
  isOver(now: number): boolean;
  end(now: number): Measured<Fill>;
}

export interface Measured<Fill> {
  readonly tookMs: number;
  /** Bytes per millisecond. */
  readonly rate: number;
  readonly isRising: boolean;
  readonly openedAtBeginning: ReadonlyMap<Fill, number>;
}

/** All times are values of `performance.now()`. */
export function createRateWindow<Fill>(): RateWindow<Fill> {
  let beganAtMs = Number.POSITIVE_INFINITY;
  let fills: ReadonlyMap<Fill, number> = new Map();
  let halves = [0, 0];
  return {
    begin(atMs, counted) {
      beganAtMs = atMs;
      fills = counted;
      halves = [0, 0];
    },
    wait: () => {
      beganAtMs = Number.POSITIVE_INFINITY;
    },
    add(fill, bytes, now) {
      if (now < beganAtMs || !fills.has(fill)) return;
      const half = now - beganAtMs < windowMs / 2 ? 0 : 1;
      halves[half] = (halves[half] ?? 0) + bytes;
    },
    has: (fill) => fills.has(fill),
    isOver: (now) => now - beganAtMs >= windowMs,
    end(now) {
      const tookMs = now - beganAtMs;
      const [first = 0, second = 0] = halves;
      const isRising = second / (tookMs - windowMs / 2) > (first / (windowMs / 2)) * rise;
      return { tookMs, rate: (first + second) / tookMs, isRising, openedAtBeginning: fills };
    },
  };
}
