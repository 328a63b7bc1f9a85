// Measures the load of this process between two reports: processor time, requests, bytes, and the duration of calls to
// index and store. All but the processor time comes from the metrics.
import type { ActivityCounts, IndexMetrics, StoreMetrics } from '@cistern/telemetry';
import type { NodeLoad, NodeRole, RoundTrip } from './node-report.ts';

interface Sample {
  readonly atMs: number;
  readonly cpuMs: number;
  readonly counts: ActivityCounts;
}

/**
 * Returns a function that takes the counts since the start of the process, and returns the load since the previous call.
 * Returns `undefined` for the first call, and if no time has passed.
 */
export function createLoadMeter({
  role,
  now,
  cpuMs = usedCpuMs,
}: {
  readonly role: NodeRole;
  readonly now: () => number;
  /** Returns the processor time of the process in milliseconds. */
  readonly cpuMs?: () => number;
}): (counts: ActivityCounts) => NodeLoad | undefined {
  let before: Sample | undefined;
  return (counts) => {
    const sample = { atMs: now(), cpuMs: cpuMs(), counts };
    const last = before;
    before = sample;
    const elapsedMs = sample.atMs - (last?.atMs ?? sample.atMs);
    if (last === undefined || elapsedMs <= 0) return undefined;
    const rate = (name: keyof ActivityCounts) => ((counts[name] - last.counts[name]) * 1000) / elapsedMs;
    return {
      cpu: round((sample.cpuMs - last.cpuMs) / elapsedMs, 1000),
      requestsPerSecond: round(rate('requests'), 10),
      bytesPerSecond: Math.round(rate(role === 'worker' ? 'bytesFetched' : 'bytesServed')),
    };
  };
}

function usedCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * Returns a function that resolves to the average duration of the index calls since the previous call of the function.
 * Without new calls it resolves to the last average.
 */
export function createIndexMeter({ indexCallDuration }: IndexMetrics, kind: string): () => Promise<RoundTrip> {
  let before = { sum: 0, count: 0 };
  let ms: number | undefined;
  return async () => {
    const { values } = await indexCallDuration.get();
    const answered = values.filter(({ labels }) => labels.result === 'answered');
    const total = (end: string) => answered.find(({ metricName }) => metricName?.endsWith(end) === true)?.value ?? 0;
    const now = { sum: total('_sum'), count: total('_count') };
    if (now.count > before.count) ms = round(((now.sum - before.sum) * 1000) / (now.count - before.count), 100);
    before = now;
    return { kind, ms };
  };
}

/** Resolves to the duration of the last health check of the store. */
export async function readStoreRoundTrip({ storeCheckDuration }: StoreMetrics, kind: string): Promise<RoundTrip> {
  const [{ value } = { value: Number.NaN }] = (await storeCheckDuration.get()).values;
  return { kind, ms: Number.isNaN(value) ? undefined : round(value * 1000, 10) };
}

function round(value: number, parts: number): number {
  return Math.round(value * parts) / parts;
}
