// Whoever stores bytes without a fill's lease, as manifests are, lets a deletion of the same digest end first: it would take the
// new bytes with it.
import { setTimeout as delay } from 'node:timers/promises';
import type { CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { deletionLeaseMs } from './delete-blob.ts';

const lookEveryMs = 50;

/** Waits no longer than a dead deleter's lease lasts. */
export async function untilDeleted({ index }: { readonly index: CacheIndex }, digest: Digest): Promise<void> {
  const since = performance.now();
  for (;;) {
    const record = await index.blobs.get(digest, { fresh: true });
    if (record?.state !== 'deleting' || performance.now() - since > deletionLeaseMs) return;
    await delay(lookEveryMs);
  }
}
