// The first full read of an adopted blob: hashes it on the way and withholds the last chunk until the digest matches, as
// a fill withholds its end.
import { CacheError } from '@cistern/errors';
import { type Digest, createDigestHash, digestAlgorithm } from '@cistern/oci';
import type { SourceReader } from '../read/byte-source.ts';

export interface VerifyOnReadOptions {
  /** Reads the blob whole, from 0. */
  readonly reader: SourceReader;
  readonly digest: Digest;
  readonly size: number;
  readonly onVerified: () => Promise<void>;
  /** The store holds something else under this digest. */
  readonly onMismatch: () => Promise<void>;
}

export function verifyOnRead({ reader, digest, size, onVerified, onMismatch }: VerifyOnReadOptions): SourceReader {
  const hash = createDigestHash(digest);
  let hashed = 0;
  let verified = false;

  const check = async () => {
    const actual = `${digestAlgorithm(digest)}:${hash.digest('hex')}`;
    if (actual === digest) {
      verified = true;
      return onVerified();
    }
    await onMismatch();
    throw new CacheError('content-mismatch', `The store held other bytes under ${digest}; they have been removed.`, {
      retryable: true,
    });
  };

  return {
    async read(into) {
      if (verified) return 0;
      const length = await reader.read(into);
      if (length === 0) throw new CacheError('store-unavailable', `The store ended ${digest} before its size.`);
      hash.update(into.subarray(0, length));
      hashed += length;
      if (hashed === size) await check();
      return length;
    },
    close: () => reader.close(),
  };
}
