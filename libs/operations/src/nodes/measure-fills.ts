// Measures the fills of this process. The rate of a fill is computed from the bytes that arrived since the previous sample.
import type { FillTable } from '@cistern/fills';
import type { FillReport } from './node-report.ts';

const maxFills = 100;
/** The weight of the newest sample in the rate, from 0 to 1. */
const newest = 0.5;

interface Sample {
  readonly bytes: number;
  readonly atMs: number;
  readonly bytesPerSecond: number;
}

/**
 * Returns a function that takes a sample and returns the reports: at most 100, fills that clients wait for first. `now` returns
 * milliseconds.
 */
export function createFillMeter(fills: FillTable, now: () => number): () => readonly FillReport[] {
  let samples = new Map<string, Sample>();
  return () => {
    const newSamples: typeof samples = new Map();
    const reports: FillReport[] = [];
    for (const { fill, source, class: fillClass, startedAtMs } of fills.entries()) {
      if (!fill.isOpen) continue;
      const bytes = fill.presentBytes;
      const sample = nextSample(samples.get(fill.fillId), { bytes, atMs: now(), startedAtMs });
      newSamples.set(fill.fillId, sample);
      reports.push({
        ...source,
        digest: fill.digest,
        class: fillClass,
        bytes,
        size: fill.size,
        readers: fill.readers,
        startedAtMs,
        bytesPerSecond: Math.round(sample.bytesPerSecond),
        activity: fill.activity,
      });
    }
    samples = newSamples;
    return reports.toSorted(byNeed).slice(0, maxFills);
  };
}

function nextSample(
  before: Sample | undefined,
  { bytes, atMs, startedAtMs }: { readonly bytes: number; readonly atMs: number; readonly startedAtMs: number },
): Sample {
  const sinceMs = atMs - (before?.atMs ?? startedAtMs);
  // If no time has passed, there is no new rate, and the next sample counts these bytes.
  if (sinceMs <= 0) return before ?? { bytes: 0, atMs, bytesPerSecond: 0 };
  const rate = ((bytes - (before?.bytes ?? 0)) / sinceMs) * 1000;
  const bytesPerSecond = before === undefined ? rate : before.bytesPerSecond * (1 - newest) + rate * newest;
  return { bytes, atMs, bytesPerSecond };
}

function byNeed(one: FillReport, other: FillReport): number {
  if (one.class !== other.class) return one.class === 'interactive' ? -1 : 1;
  return one.startedAtMs - other.startedAtMs;
}
