// Measures the fills of this process and their rates, from one sample to the next.
import type { FillTable } from '@cistern/fills';
import type { FillReport } from './node-report.ts';

const maxFills = 100;
/** The weight of the newest sample in the rate. */
const newest = 0.5;

interface Look {
  readonly bytes: number;
  readonly atMs: number;
  readonly bytesPerSecond: number;
}

/** `now` returns milliseconds. */
export function createFillMeter(fills: FillTable, now: () => number): () => readonly FillReport[] {
  let seen = new Map<string, Look>();
  return () => {
    const seenNow: typeof seen = new Map();
    const reports: FillReport[] = [];
    for (const { fill, source, class: fillClass, startedAtMs } of fills.entries()) {
      if (!fill.isOpen) continue;
      const bytes = fill.presentBytes;
      const look = nextLook(seen.get(fill.fillId), { bytes, atMs: now(), startedAtMs });
      seenNow.set(fill.fillId, look);
      reports.push({
        ...source,
        digest: fill.digest,
        class: fillClass,
        bytes,
        size: fill.size,
        readers: fill.readers,
        startedAtMs,
        bytesPerSecond: Math.round(look.bytesPerSecond),
        activity: fill.activity,
      });
    }
    seen = seenNow;
    return reports.toSorted(byNeed).slice(0, maxFills);
  };
}

function nextLook(
  before: Look | undefined,
  { bytes, atMs, startedAtMs }: { readonly bytes: number; readonly atMs: number; readonly startedAtMs: number },
): Look {
  const sinceMs = atMs - (before?.atMs ?? startedAtMs);
  // Without elapsed time there is no rate. The next sample counts these bytes.
  if (sinceMs <= 0) return before ?? { bytes: 0, atMs, bytesPerSecond: 0 };
  const rate = ((bytes - (before?.bytes ?? 0)) / sinceMs) * 1000;
  const bytesPerSecond = before === undefined ? rate : before.bytesPerSecond * (1 - newest) + rate * newest;
  return { bytes, atMs, bytesPerSecond };
}

function byNeed(one: FillReport, other: FillReport): number {
  if (one.class !== other.class) return one.class === 'interactive' ? -1 : 1;
  return one.startedAtMs - other.startedAtMs;
}
