// A stored object whole in memory, hashed on its way there: nothing that is kept in memory or parsed can be damaged.
import { type BlobStore, readBytes } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';

/** `damaged`: it is not what its digest says. `undefined`: it is not there, or has more than `maxBytes`. */
export async function readHashed(
  store: BlobStore,
  digest: Digest,
  maxBytes: number,
): Promise<Buffer | 'damaged' | undefined> {
  try {
    const bytes = await readBytes(store, digest, maxBytes);
    if (bytes === undefined || digestOf(bytes, digestAlgorithm(digest)) === digest) return bytes;
    return 'damaged';
  } catch (error) {
    if (isCacheError(error, 'content-mismatch')) return undefined;
    throw error;
  }
}
