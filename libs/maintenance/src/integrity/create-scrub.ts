// Reads the whole store, shard by shard, at a bounded rate. After an interruption it continues where it stopped
// (decision 0033).
import { cleanQuarantine, ifObjectAvailable } from '@cistern/content';
import type { Digest } from '@cistern/oci';
import type { FetchBlobsDeps } from '@cistern/prewarm';
import { createBandwidth } from '@cistern/runtime';
import type { Metrics } from '@cistern/telemetry';
import { shardCount, startLoop } from '@cistern/index';
import {
  type Damage,
  noCounts,
  readScrubReport,
  type ScrubCounts,
  type ScrubPass,
  type ScrubReport,
  writeScrubReport,
} from './scrub-report.ts';
import { scrubShard } from './scrub-shard.ts';

export interface ScrubLimits {
  /** Bytes to read per second. */
  readonly bytesPerSecond: number;
  /**
   * Time from the start of a pass to the start of the next. After a pass that takes longer, the next pass starts
   * immediately.
   */
  readonly everyMs: number;
}

export interface ScrubDeps extends FetchBlobsDeps {
  readonly limits: ScrubLimits;
  readonly metrics: FetchBlobsDeps['metrics'] & Pick<Metrics, 'scrubBytes' | 'scrubObjects' | 'scrubProgress'>;
}

const maxDamages = 50;
/** Interval between writes of the progress. After a crash, at most the work of this time is repeated. */
const writeEveryMs = 10_000;
/** Interval between checks whether a pass is due or another worker left one unfinished. */
const checkEveryMs = 30_000;
/** Delay after a startup, so that other work comes first. */
const firstCheckMs = 60_000;

export function createScrub(deps: ScrubDeps) {
  const { index, store, limits, log, metrics, now } = deps;
  const scrubBandwidth = createBandwidth(limits.bytesPerSecond);

  async function findDue(): Promise<ScrubReport | undefined> {
    const known = await ifObjectAvailable(deps, () => readScrubReport(store));
    if (known !== undefined && known.pass.endedAtMs === undefined) return known;
    if (known !== undefined && now() - known.pass.startedAtMs < limits.everyMs) return undefined;
    const pass = { startedAtMs: now(), shard: 0, counts: noCounts };
    return { damages: [], ...known, schema: 1, pass };
  }

  async function runPass(due: ScrubReport, signal: AbortSignal): Promise<ScrubReport> {
    const counts: { -readonly [K in keyof ScrubCounts]: number } = { ...noCounts, ...due.pass.counts };
    let damages: readonly Damage[] = due.damages;
    let writtenAtMs = now();
    const reportAt = (shard: number, after?: Digest): ScrubReport => {
      const pass = {
        startedAtMs: due.pass.startedAtMs,
        shard,
        ...(after !== undefined && { after }),
        counts: { ...counts },
      };
      return { ...due, pass, damages };
    };
    let reached = reportAt(due.pass.shard, due.pass.after);
    const write = async () => {
      writtenAtMs = now();
      await writeScrubReport(store, reached);
    };
    try {
      let { shard, after } = due.pass;
      for await (const listed of index.blobs.shards(shard)) {
        metrics.scrubProgress.set(shard / shardCount);
        await scrubShard(
          { ...deps, scrubBandwidth },
          {
            listed,
            after,
            signal,
            count(kind) {
              counts[kind] += 1;
              // Does not count damaged objects, because `setAside` counts them, whether a reader or the scrub found
              // them.
              if (kind !== 'damaged') metrics.scrubObjects.inc({ kind });
            },
            onRead(bytes) {
              counts.bytes += bytes;
              metrics.scrubBytes.inc(bytes);
            },
            onDamage(damage) {
              damages = [...damages, damage].slice(-maxDamages);
            },
            async onDone(digest) {
              reached = reportAt(shard, digest);
              if (now() - writtenAtMs >= writeEveryMs) await write();
            },
          },
        );
        shard += 1;
        after = undefined;
        reached = reportAt(shard);
      }
    } catch (error) {
      // Saves the progress. Ignores a failure of this write, because the store may be the cause of the first error.
      await write().catch(() => {});
      throw error;
    }
    const pass = { ...reached.pass, endedAtMs: now() };
    return { ...reached, pass, lastEnded: pass };
  }

  return {
    /**
     * Starts or resumes the pass that is due, and runs it to its end. Resolves to `undefined` if no pass is due or the
     * index is not complete. Rejects with `store-unavailable`, `index-unavailable` or the signal's reason; the next
     * call continues where this one stopped.
     */
    async run(signal: AbortSignal): Promise<ScrubPass | undefined> {
      if (!(await index.epoch.isComplete())) return undefined;
      const due = await findDue();
      if (due === undefined) return undefined;
      try {
        const ended = await runPass(due, signal);
        await writeScrubReport(store, ended);
        const inQuarantine = await cleanQuarantine(store, now());
        const { startedAtMs, counts } = ended.pass;
        const fields = { ...counts, inQuarantine, seconds: Math.round((now() - startedAtMs) / 1000) };
        if (counts.damaged > 0) log.warn(fields, 'scrub found damaged objects');
        else if (counts.failed > 0) log.warn(fields, 'scrub finished, some objects could not be checked');
        else log.info(fields, 'scrub finished');
        return ended.pass;
      } finally {
        metrics.scrubProgress.set(Number.NaN);
      }
    },
  };
}

/**
 * Scrubs the store again and again. Every worker has a scrubber, and a lease chooses the one that reads. Closing
 * interrupts a pass under way; another worker resumes it.
 */
export function startScrubber(deps: ScrubDeps): { close(): Promise<void> } {
  const { everyMs } = deps.limits;
  const scrub = createScrub(deps);
  const retryMs = Math.min(checkEveryMs, everyMs);
  return startLoop(deps, {
    name: 'scrub',
    leaseMs: 30_000,
    firstMs: Math.min(firstCheckMs, everyMs),
    retryMs,
    async step(signal) {
      await scrub.run(signal);
      return retryMs;
    },
  });
}
