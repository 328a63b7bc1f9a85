// A map of what is here: sorted, disjoint, half-open intervals.

export interface Interval {
  readonly start: number;
  readonly endExclusive: number;
}

export interface Intervals {
  add(start: number, endExclusive: number): void;
  /** The end of the run that holds `offset`; `offset` itself if nothing does. */
  runEnd(offset: number): number;
  /** The first interval missing within `[from, toExclusive)`. */
  firstGap(from: number, toExclusive: number): Interval | undefined;
  /** Bytes present. */
  readonly covered: number;
}

export function createIntervals(): Intervals {
  let runs: Interval[] = [];
  return {
    add(start, endExclusive) {
      if (endExclusive <= start) return;
      let merged: Interval = { start, endExclusive };
      const before: Interval[] = [];
      const after: Interval[] = [];
      for (const run of runs) {
        if (run.endExclusive < merged.start) before.push(run);
        else if (run.start > merged.endExclusive) after.push(run);
        else
          merged = {
            start: Math.min(run.start, merged.start),
            endExclusive: Math.max(run.endExclusive, merged.endExclusive),
          };
      }
      runs = [...before, merged, ...after];
    },
    runEnd: (offset) => runs.find((run) => run.start <= offset && offset < run.endExclusive)?.endExclusive ?? offset,
    firstGap(from, toExclusive) {
      let start = from;
      for (const run of runs) {
        if (run.endExclusive <= start) continue;
        if (run.start > start)
          return start < toExclusive ? { start, endExclusive: Math.min(run.start, toExclusive) } : undefined;
        start = run.endExclusive;
      }
      return start < toExclusive ? { start, endExclusive: toExclusive } : undefined;
    },
    get covered() {
      return runs.reduce((sum, run) => sum + run.endExclusive - run.start, 0);
    },
  };
}
