// For blobs that fit into memory, manifests above all.
import { CacheError } from '@cistern/errors';
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

/**
 * A blob whole in memory; `undefined`: not there. Rejects with `content-mismatch` for a blob of more than `maxBytes`, without
 * reading it: a client may name a layer as a manifest.
 */
export async function readBytes(store: BlobStore, digest: Digest, maxBytes: number): Promise<Buffer | undefined> {
  const reader = await store.open(digest);
  if (reader === undefined) return undefined;
  try {
    if (reader.size > maxBytes)
      throw new CacheError(
        'content-mismatch',
        `${digest} has ${reader.size} bytes; at most ${maxBytes} were expected.`,
      );
    const bytes = Buffer.allocUnsafe(reader.size);
    let filled = 0;
    while (filled < bytes.length) filled += await reader.read(bytes.subarray(filled));
    return bytes;
  } finally {
    await reader.close();
  }
}
