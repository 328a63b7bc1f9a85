// Takes an object that is not what its digest says out of everybody's way: it goes into quarantine, and the index forgets it.
// Readers and the scrub do this alike; the next fill brings the right bytes.
import type { BlobStore } from '@cistern/blob-store';
import type { BlobRecord, CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import type { Logger, Metrics } from '@cistern/telemetry';
import { cleanQuarantine } from './clean-quarantine.ts';

export interface SetAsideDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
  readonly log: Logger;
  readonly metrics: Pick<Metrics, 'scrubObjects'>;
  readonly now: () => number;
}

/**
 * `record`: as it was before the object was read; `undefined` if there was none. False: the object has been replaced since, or
 * is being replaced, and nothing was done. Rejects with `store-unavailable` or `index-unavailable`.
 */
export async function setAside(
  { index, store, log, metrics, now }: SetAsideDeps,
  digest: Digest,
  record: BlobRecord | undefined,
): Promise<boolean> {
  // In this order: a fill that ends in between has recorded its blob.
  const fill = await index.fills.read(digest);
  const known = await index.blobs.get(digest, { fresh: true });
  const isReplaced = known?.storedAtMs !== record?.storedAtMs || known?.verified !== record?.verified;
  const isBeingReplaced = fill !== undefined && ['starting', 'running'].includes(fill.state);
  if (isReplaced || isBeingReplaced || known?.state === 'deleting') return false;
  if (!(await store.quarantine(digest, now()))) return false;
  log.error({ digest }, 'damaged object moved to quarantine');
  metrics.scrubObjects.inc({ kind: 'damaged' });
  await index.manifests.remove(digest);
  if (record !== undefined) await index.blobs.remove(digest, record.storedAtMs);
  await cleanQuarantine(store, now()).catch((error: unknown) => {
    log.warn({ err: error }, 'failed to clean the quarantine');
  });
  return true;
}
