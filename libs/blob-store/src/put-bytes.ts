// Reads and writes blobs that fit into memory, mostly manifests.
import { CacheError } from '@cistern/errors';
import { type Digest, digestAlgorithm, digestHex } from '@cistern/oci';
import type { BlobBody, BlobStore } from './blob-store.ts';

/** Returns `bytes` as a body. The caller must not change `bytes` while the body is in use. */
export function bodyOf(bytes: Uint8Array, sha256?: string): BlobBody {
  return {
    length: bytes.byteLength,
    sha256,
    async *open() {
      yield bytes;
    },
  };
}

/** Stores `bytes` under `digest` like `BlobStore.put`. The caller must have verified the digest. */
export async function putBytes(store: BlobStore, digest: Digest, bytes: Uint8Array): Promise<void> {
  await store.put(digest, bodyOf(bytes, digestAlgorithm(digest) === 'sha256' ? digestHex(digest) : undefined));
}

/**
 * Reads a whole blob into memory. Returns `undefined` if the blob does not exist. Rejects with `content-mismatch` for a
 * blob of more than `maxBytes`, without reading it, because a client may request a layer as a manifest.
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
