import { CacheError } from '@cistern/errors';
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';

/** Throws `content-mismatch` unless `bytes` have `digest`, under its own algorithm. */
export function verifyManifest(upstream: string, digest: Digest, bytes: Buffer): void {
  const actual = digestOf(bytes, digestAlgorithm(digest));
  if (actual === digest) return;
  throw new CacheError(
    'content-mismatch',
    `Upstream ${upstream} sent a manifest with digest ${actual} for ${digest}.`,
    {
      retryable: true,
    },
  );
}
