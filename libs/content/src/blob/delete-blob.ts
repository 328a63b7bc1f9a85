// Removes one victim from the store, if nobody has pulled it since it was marked and nobody fetches it. While that goes on
// a fetch of the same digest waits, so that nothing is removed that was stored a moment ago.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Digest } from '@cistern/oci';
import type { IndexAndStore } from './stored-blob.ts';

/** A fetch of what a dead worker was deleting waits no longer. */
export const deletionLeaseMs = 10_000;
const prolongEveryMs = 3_000;
const lookEveryMs = 50;

/**
 * False: it was pulled, fetched or stored meanwhile, and stays. Rejects with `store-unavailable` where the store does not
 * remove it, and with `index-unavailable`: the next try of the same `owner`, or the next fetch, goes on from there.
 */
export async function deleteBlob(
  { index, store }: IndexAndStore,
  digest: Digest,
  owner: string = randomUUID(),
): Promise<boolean> {
  if (!(await index.fills.beginDeletion(digest, owner, deletionLeaseMs))) return false;
  const prolong = () => void index.fills.beginDeletion(digest, owner, deletionLeaseMs).catch(() => {});
  const timer = setInterval(prolong, prolongEveryMs);
  try {
    await index.manifests.remove(digest);
    await store.remove(digest);
    if (await index.fills.endDeletion(digest, owner)) return true;
  } finally {
    clearInterval(timer);
  }
  // A record was written while the object was removed under it.
  await forgetMissing({ index, store }, digest);
  return false;
}

/**
 * The index forgets what is not in the store: the store is asked after the record was read, and only that record goes. True if
 * there was a record without an object.
 */
export async function forgetMissing({ index, store }: IndexAndStore, digest: Digest): Promise<boolean> {
  const record = await index.blobs.get(digest, { fresh: true });
  if (record === undefined || (await store.stat(digest)) !== undefined) return false;
  await index.manifests.remove(digest);
  return index.blobs.remove(digest, record.storedAtMs);
}

/**
 * Waits until a deletion of the digest has ended, but no longer than a dead deleter's lease lasts. For bytes that are stored
 * without a fill's lease, as manifests are: the deletion would remove them.
 */
export async function untilDeleted({ index }: Pick<IndexAndStore, 'index'>, digest: Digest): Promise<void> {
  const since = performance.now();
  for (;;) {
    const record = await index.blobs.get(digest, { fresh: true });
    if (record?.state !== 'deleting' || performance.now() - since > deletionLeaseMs) return;
    await delay(lookEveryMs);
  }
}
