// Copies a blob from a bundle into the store. It keeps only one segment in memory. The archive may be damaged, so the blob
// becomes visible only after the whole blob is verified.
import { bodyOf, type BlobStore } from '@cistern/blob-store';
import { createDigestHash, type Digest, digestHex, layoutBlobPath, segmentBytesOf } from '@cistern/oci';
import type { BundleFile } from './open-bundle-file.ts';
import { mismatch } from './plan-import.ts';

export interface StorePartDeps {
  readonly path: string;
  readonly file: BundleFile;
  readonly store: BlobStore;
  readonly signal?: AbortSignal | undefined;
  /** Called with the number of bytes of each chunk. */
  readonly advance: (bytes: number) => void;
}

/**
 * Rejects with `content-mismatch`, `store-unavailable` or the signal's reason. `size` must be the size of the part in the
 * archive, which `planImport` has checked.
 */
export async function storePart(
  { path, file, store, signal, advance }: StorePartDeps,
  digest: Digest,
  size: number,
): Promise<void> {
  const segmentBytes = segmentBytesOf(size);
  const upload = size > segmentBytes ? await store.beginUpload(digest, { size, segmentBytes }) : undefined;
  const segment = Buffer.allocUnsafe(Math.min(segmentBytes, size));
  const hash = createDigestHash(digest);
  let [number, filled] = [0, 0];
  try {
    for await (const chunk of file.read(layoutBlobPath(digest))) {
      signal?.throwIfAborted();
      hash.update(chunk);
      for (let at = 0; at < chunk.length;) {
        if (filled === segment.length) {
          await upload?.put(number, bodyOf(segment), signal);
          number += 1;
          filled = 0;
        }
        const taken = Math.min(chunk.length - at, segment.length - filled);
        segment.set(chunk.subarray(at, at + taken), filled);
        filled += taken;
        at += taken;
      }
      advance(chunk.length);
    }
    if (hash.digest('hex') !== digestHex(digest)) throw mismatch(path, digest);
    const last = bodyOf(segment.subarray(0, filled));
    await (upload?.put(number, last, signal) ?? store.put(digest, last, signal));
    await upload?.complete();
  } finally {
    await upload?.abort();
  }
}
