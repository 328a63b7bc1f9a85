// Removes what is too old, whether the store is full or not, in the same way: marked first, deleted when its grace is over.
import type { BlobRecord } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import type { Logger, Metrics } from '@cistern/telemetry';
import { forEachBounded } from '@cistern/runtime';
import { chooseAged, type ChooseAgedDeps } from './choose-victims.ts';
import { createPinnedDigests } from './create-pinned-digests.ts';
import type { Deleter } from './create-deleter.ts';

export interface AgingDeps extends ChooseAgedDeps {
  readonly deleter: Deleter;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'evictions' | 'evictedBytes'>;
}

const graceMs = 5_000;
const lookEveryMs = 3_600_000;
const atOnce = 8;

export function createAging(deps: AgingDeps) {
  const { index, deleter, ageLimits, log, metrics, now } = deps;
  const readPinned = createPinnedDigests(deps);
  const marked = new Map<Digest, BlobRecord>();
  let lookedAtMs = -Infinity;

  async function mark(signal: AbortSignal): Promise<void> {
    for (const record of await chooseAged(deps, await readPinned(), signal)) {
      signal.throwIfAborted();
      if (await index.blobs.markEvicting(record.digest, record.lastPulledAtMs)) marked.set(record.digest, record);
    }
  }

  async function remove(signal: AbortSignal): Promise<void> {
    const pinned = await readPinned();
    const [manifests, blobs]: BlobRecord[][] = [[], []];
    for (const record of marked.values()) {
      if (pinned.has(record.digest)) continue;
      const isManifest = (await index.manifests.get(record.digest)) !== undefined;
      (isManifest ? manifests : blobs)!.push(record);
    }
    marked.clear();
    let removed = 0;
    for (const records of [manifests!, blobs!])
      await forEachBounded(records, { atOnce, signal }, async ({ digest, size }) => {
        if (!(await deleter.remove(digest))) return;
        removed += 1;
        metrics.evictions.inc({ reason: 'age' });
        metrics.evictedBytes.inc({ reason: 'age' }, size);
      });
    if (removed > 0) log.info({ blobs: removed }, 'what nobody had pulled for longer than it may be kept is gone');
  }

  return {
    /** Looks for blobs that are too old, now and then, and deletes those found before. Rejects as the step of an eviction. */
    async step(signal: AbortSignal): Promise<void> {
      if (ageLimits.size === 0 || !(await index.epoch.isComplete())) return;
      if (marked.size > 0 && now() - lookedAtMs >= graceMs) await remove(signal);
      if (now() - lookedAtMs < lookEveryMs) return;
      // What is begun is not begun again at once when it fails.
      lookedAtMs = now();
      await mark(signal);
      lookedAtMs = now();
    },
  };
}
