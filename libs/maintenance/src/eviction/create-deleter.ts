// Deletes victims in batches, and knows which blobs stay: those that are pinned, and for a while those that the store did not remove.
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
/** Those beyond are tried again sooner. */
const maxFailing = 10_000;

export function createDeleter(deps: DeleterDeps) {
  const { log, metrics, now } = deps;
  const readPinned = createPinnedDigests(deps);
  /** Always the same, so that interrupted deletions are still ours. */
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
    /** As far as is known: the pins are read again before each deletion. */
    isSpared: (digest: Digest): boolean => pinned.has(digest) || (failing.get(digest)?.untilMs ?? 0) > now(),
    /** Reads the pins again, and resolves to how many blobs are pinned. */
    readPins: async (): Promise<number> => (await findKept()).size,
    /**
     * Victims that were pulled since they were chosen, that are being fetched or pinned stay. One that the store does not remove is
     * left for a while. Rejects as `deleteBlobs`; then `finish` goes on.
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
    /** Ends what was interrupted. Rejects as `deleteBlobs`; the next call goes on. */
    async finish(): Promise<void> {
      if (interrupted.size === 0) return;
      await finishDeletions(deps, [...interrupted], owner);
      interrupted.clear();
    },
  };
}
