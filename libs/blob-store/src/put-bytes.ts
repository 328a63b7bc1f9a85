// For blobs that fit into memory, manifests above all.
import { CacheError } from '@cistern/errors';
import { type Digest, digestAlgorithm, digestHex } from '@cistern/oci';
import type { BlobBody, BlobStore } from './blob-store.ts';

/** `bytes` as a body. They must not change while it is in use. */
export function bodyOf(bytes: Uint8Array, sha256?: string): BlobBody {
  return {
    length: bytes.byteLength,
    sha256,
    async *open() {
      yield bytes;
    },
  };
}

/** Stores `bytes` under `digest`, which the caller has verified, as `BlobStore.put` does. */
export async function putBytes(store: BlobStore, digest: Digest, bytes: Uint8Array): Promise<void> {
  await store.put(digest, bodyOf(bytes, digestAlgorithm(digest) === 'sha256' ? digestHex(digest) : undefined));
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
