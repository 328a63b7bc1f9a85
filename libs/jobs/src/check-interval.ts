const dayMs = 86_400_000;

/** Throws `RangeError`: timers take no longer intervals, and nobody has had a use for one. */
export function checkInterval(everyMs: number): void {
  if (!Number.isSafeInteger(everyMs) || everyMs < 1 || everyMs > dayMs)
    throw new RangeError(`${everyMs} ms is no interval between 1 ms and a day`);
}
