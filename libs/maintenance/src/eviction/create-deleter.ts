// Deletes victims in batches. Spares pinned blobs and, for some time, blobs that the store failed to remove.
import { randomUUID } from 'node:crypto';
import { deleteBlobs, finishDeletions, type IndexAndStore } from '@cistern/content';
import type { BlobRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { createRecent } from '@cistern/runtime';
import type { EvictionReason, Logger, Metrics } from '@cistern/telemetry';
import { createPinnedDigests } from './create-pinned-digests.ts';

export interface DeleterDeps extends IndexAndStore {
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'evictions' | 'evictedBytes' | 'evictionFailures'>;
  readonly now: () => number;
}

export interface Removed {
  readonly blobs: number;
  readonly bytes: number;
}

export type Deleter = ReturnType<typeof createDeleter>;

const firstRetryMs = 60_000;
const maxRetryMs = 3_600_000;
/** Number of failed blobs whose pause is remembered. Other failed blobs are retried sooner. */
const maxFailing = 10_000;

export function createDeleter(deps: DeleterDeps) {
  const { log, metrics, now } = deps;
  const readPinned = createPinnedDigests(deps);
  /** Never changes, so that this deleter can complete deletions that were interrupted. */
  const owner = randomUUID();
  const interrupted = new Set<Digest>();
  const failing = createRecent<Digest, { readonly waitMs: number; readonly untilMs: number }>({ max: maxFailing, now });
  let pinned: ReadonlySet<Digest> = new Set();

  const findKept = async () => (pinned = await readPinned());

  function backOff(digest: Digest): void {
    const waitMs = Math.min(maxRetryMs, 2 * (failing.get(digest)?.waitMs ?? firstRetryMs / 2));
    failing.set(digest, { waitMs, untilMs: now() + waitMs });
  }

  return {
    /**
     * Reports whether a blob must not be deleted now. Uses the pins as last read; `remove` reads them again before each
     * deletion.
     */
    isSpared: (digest: Digest): boolean => pinned.has(digest) || (failing.get(digest)?.untilMs ?? 0) > now(),
    /** Reads the pins again. Resolves to the number of pinned blobs. */
    readPins: async (): Promise<number> => (await findKept()).size,
    /**
     * Deletes the victims, except those that are pinned, being fetched, or were pulled after they were chosen. A blob
     * that the store fails to remove is spared for some time. Rejects as `deleteBlobs` does; call `finish` to complete
     * the interrupted deletion.
     */
    async remove(victims: readonly BlobRecord[], reason: EvictionReason): Promise<Removed> {
      for (const { digest } of victims) interrupted.add(digest);
      const { deleted, failed } = await deleteBlobs(deps, victims, { owner, findKept });
      interrupted.clear();
      const sizes = new Map(victims.map(({ digest, size }) => [digest, size]));
      const bytes = deleted.reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0);
      metrics.evictions.inc({ reason }, deleted.length);
      metrics.evictedBytes.inc({ reason }, bytes);
      for (const digest of deleted) failing.delete(digest);
      for (const digest of failed.keys()) backOff(digest);
      const [[digest, err] = []] = failed;
      if (err !== undefined) {
        metrics.evictionFailures.inc(failed.size);
        log.warn({ err, digest, blobs: failed.size }, 'failed to delete blobs, will retry later');
      }
      return { blobs: deleted.length, bytes };
    },
    /** Completes interrupted deletions. Rejects as `deleteBlobs` does; the next call continues. */
    async finish(): Promise<void> {
      if (interrupted.size === 0) return;
      await finishDeletions(deps, [...interrupted], owner);
      interrupted.clear();
    },
  };
}
