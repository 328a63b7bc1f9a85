// Bytes over a second, of the fills that are there at its beginning.

export const windowMs = 1_000;
/** By so much more in its second half, a window is no measure: the rate still rises. */
const rise = 1.2;

export interface RateWindow<Fill> {
  /** From `atMs` on, which may be in the future. `fills`: whose bytes count, with their connections. */
  begin(atMs: number, fills: ReadonlyMap<Fill, number>): void;
  /** Nothing counts until `begin` is called. */
  wait(): void;
  add(fill: Fill, bytes: number, now: number): void;
  has(fill: Fill): boolean;
  isOver(now: number): boolean;
  end(now: number): Measured<Fill>;
}

export interface Measured<Fill> {
  readonly tookMs: number;
  /** Bytes a millisecond. */
  readonly rate: number;
  readonly isRising: boolean;
  readonly openedAtBeginning: ReadonlyMap<Fill, number>;
}

/** All times are of `performance.now()`. */
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
