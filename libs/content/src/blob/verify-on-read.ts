// Hashes a stored blob on its way and withholds the last chunk until the digest matches, as a fill withholds its end.
import { CacheError } from '@cistern/errors';
import { type Digest, createDigestHash, digestAlgorithm } from '@cistern/oci';
import { type SourceReader, SourceInterrupted } from '@cistern/streams';

export interface VerifyOnReadOptions {
  /** Reads the blob whole, from 0. */
  readonly reader: SourceReader;
  readonly digest: Digest;
  readonly size: number;
  readonly onVerified: () => Promise<void>;
  /** The store holds something else under this digest. `hasGiven`: a part of it was passed on before. */
  readonly onMismatch: (hasGiven: boolean) => Promise<void>;
}

/**
 * What goes into one `read` is given only if it is right; if it is not, `read` rejects with `SourceInterrupted`, for the blob can
 * still be had from elsewhere. After the first bytes it rejects with `content-mismatch`.
 */
export function verifyOnRead({ reader, digest, size, onVerified, onMismatch }: VerifyOnReadOptions): SourceReader {
  const hash = createDigestHash(digest);
  let hashed = 0;
  let verified = false;

  const check = async (hasGiven: boolean) => {
    const actual = `${digestAlgorithm(digest)}:${hash.digest('hex')}`;
    if (actual === digest) {
      verified = true;
      return onVerified();
    }
    await onMismatch(hasGiven);
    if (!hasGiven) throw new SourceInterrupted('the store held other bytes');
    throw new CacheError('content-mismatch', `The store held other bytes under ${digest}. Pull it again.`, {
      retryable: true,
    });
  };

  const readSome = async (into: Uint8Array) => {
    const length = await reader.read(into);
    if (length === 0) throw new CacheError('store-unavailable', `The store ended ${digest} before its size.`);
    hash.update(into.subarray(0, length));
    hashed += length;
    return length;
  };

  return {
    async read(into) {
      if (verified) return 0;
      const before = hashed;
      const isLast = size - before <= into.length;
      do await readSome(into.subarray(hashed - before));
      while (isLast && hashed < size);
      if (hashed === size) await check(before > 0);
      return hashed - before;
    },
    close: () => reader.close(),
  };
}
