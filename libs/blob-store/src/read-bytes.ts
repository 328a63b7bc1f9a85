// The counterpart of `putBytes`: a blob whole in memory, with a bound, because a client may name a layer as a manifest.
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import type { BlobStore } from './blob-store.ts';

/** `undefined`: not there. Rejects with `content-mismatch` for a blob of more than `maxBytes`, without reading it. */
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
