// Removes one victim from the store, if nobody has pulled it since it was marked and nobody fetches it. While that goes on
// a fetch of the same digest waits, so that nothing is removed that was stored a moment ago.
import { randomUUID } from 'node:crypto';
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';
import { forgetMissing } from './forget-missing.ts';

export interface DeleteBlobDeps {
  readonly index: CacheIndex;
  readonly store: BlobStore;
}

/** A fetch of what a dead worker was deleting waits no longer. */
export const deletionLeaseMs = 10_000;
const prolongEveryMs = 3_000;

/**
 * False: it was pulled, fetched or stored meanwhile, and stays. Rejects with `store-unavailable` where the store does not
 * remove it, and with `index-unavailable`: the next try of the same `owner`, or the next fetch, goes on from there.
 */
export async function deleteBlob(
  { index, store }: DeleteBlobDeps,
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
  // Somebody wrote a record while the object was removed under it.
  await forgetMissing({ index, store }, digest);
  return false;
}
