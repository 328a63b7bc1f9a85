// The fills of this process and how fast they come, from one look to the next.
import type { FillTable } from '../fill/fill-table.ts';
import type { FillReport } from './node-report.ts';

const maxFills = 100;
/** How much a look counts against those before it. */
const newest = 0.5;

/** `now`: milliseconds. */
export function createFillMeter(fills: FillTable, now: () => number): () => readonly FillReport[] {
  let seen = new Map<string, { readonly bytes: number; readonly atMs: number; readonly bytesPerSecond: number }>();
  return () => {
    const seenNow: typeof seen = new Map();
    const reports: FillReport[] = [];
    for (const { fill, source, class: fillClass, startedAtMs } of fills.entries()) {
      if (!fill.isOpen) continue;
      const before = seen.get(fill.fillId);
      const [atMs, bytes] = [now(), fill.presentBytes];
      const sinceMs = atMs - (before?.atMs ?? startedAtMs);
      const rate = sinceMs <= 0 ? (before?.bytesPerSecond ?? 0) : ((bytes - (before?.bytes ?? 0)) / sinceMs) * 1000;
      const bytesPerSecond = before === undefined ? rate : before.bytesPerSecond * (1 - newest) + rate * newest;
      seenNow.set(fill.fillId, { bytes, atMs, bytesPerSecond });
      reports.push({
        ...source,
        digest: fill.digest,
        class: fillClass,
        bytes,
        size: fill.size,
        readers: fill.readers,
        startedAtMs,
        bytesPerSecond: Math.round(bytesPerSecond),
      });
    }
    seen = seenNow;
    return reports.toSorted(byNeed).slice(0, maxFills);
  };
}

function byNeed(one: FillReport, other: FillReport): number {
  if (one.class !== other.class) return one.class === 'interactive' ? -1 : 1;
  return one.startedAtMs - other.startedAtMs;
}
