// What workers do again and again without being asked.
import type { BlobStore } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import type { JobPayload, JobQueue } from '@cistern/jobs';
import type { Logger } from '@cistern/telemetry';
import type { WorkDeps } from './work-deps.ts';

export interface SchedulesDeps {
  readonly queue: JobQueue;
  readonly store: BlobStore;
  readonly log: Logger;
  /** Whether anything is to be fetched early. */
  readonly prewarms?: boolean;
}

const hourMs = 3_600_000;
/** Longer than any blob should take to arrive: the sweeper knows only what its own process uploads. */
const abandonedAfterMs = 6 * hourMs;
const renewEveryMs = 60_000;
const planPrewarmEveryMs = 15_000;

/** Every worker of a cluster may do this. Schedules again each minute, in case the queue has lost its data. */
export function startSchedules({ queue, store, log, prewarms = false }: SchedulesDeps): { close(): void } {
  async function schedule(): Promise<void> {
    if (store.sweepUploads !== undefined)
      await queue.schedule('sweep-uploads', { olderThanMs: abandonedAfterMs }, { everyMs: hourMs, dedupKey: 'store' });
    const everyMs = planPrewarmEveryMs;
    if (prewarms) await queue.schedule('plan-prewarm', { everyMs }, { everyMs, dedupKey: 'all' });
  }

  function renew(): void {
    schedule().catch((error: unknown) => {
      // The queue tells of its outages itself, and the next minute comes.
      if (!isCacheError(error, 'index-unavailable', 'overloaded')) log.error({ err: error }, 'a schedule was refused');
    });
  }

  renew();
  const timer = setInterval(renew, renewEveryMs);
  return { close: () => clearInterval(timer) };
}

/** Job sweep-uploads: ends the uploads that dead workers left unfinished in the store. */
export async function sweepUploads(
  { store, log }: Pick<WorkDeps, 'store' | 'log'>,
  { olderThanMs }: JobPayload<'sweep-uploads'>,
): Promise<null> {
  const uploads = (await store.sweepUploads?.(olderThanMs)) ?? 0;
  if (uploads > 0) log.info({ uploads }, 'uploads that nobody would complete were ended');
  return null;
}
