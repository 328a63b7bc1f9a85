// The index forgets what is not in the store. Whoever finds something gone may be told of a moment that has passed: the store
// is asked after the record was read, and only that record goes.
import type { BlobStore } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import type { Digest } from '@cistern/oci';

/** True if there was a record without an object. */
export async function forgetMissing(
  { index, store }: { readonly index: CacheIndex; readonly store: BlobStore },
  digest: Digest,
): Promise<boolean> {
  const record = await index.blobs.get(digest, { fresh: true });
  if (record === undefined || (await store.stat(digest)) !== undefined) return false;
  await index.manifests.remove(digest);
  return index.blobs.remove(digest, record.storedAtMs);
}
