// For blobs that fit into memory, manifests above all.
import type { Digest } from '@cistern/oci';
import type { BlobStore } from './blob-store.ts';

/** Stores `bytes` under `digest`, which the caller has verified. Rejects as `BlobWriter` does; leaves nothing behind. */
export async function putBytes(store: BlobStore, digest: Digest, bytes: Uint8Array): Promise<void> {
  const writer = await store.begin(digest);
  try {
    if (bytes.byteLength > 0) await writer.append(bytes);
    await writer.commit();
  } finally {
    await writer.abort();
  }
}
