// The bytes that an upstream sends as a manifest, held to their digest.
import { CacheError } from '@cistern/errors';
import { type Digest, digestAlgorithm, digestOf } from '@cistern/oci';
import type { Metrics } from '@cistern/telemetry';

/** Throws `content-mismatch`, and counts it, unless `bytes` have `digest`, under its own algorithm. */
export function verifyManifest(
  { metrics }: { readonly metrics: Pick<Metrics, 'contentMismatches'> },
  upstream: string,
  digest: Digest,
  bytes: Buffer,
): void {
  const actual = digestOf(bytes, digestAlgorithm(digest));
  if (actual === digest) return;
  metrics.contentMismatches.inc({ upstream });
  throw new CacheError(
    'content-mismatch',
    `Upstream ${upstream} sent a manifest with digest ${actual} for ${digest}.`,
    {
      retryable: true,
    },
  );
}
