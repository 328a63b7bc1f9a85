// Turns a requested range into the half-open interval that a reader delivers. All stores share these rules.
import { CacheError } from '@cistern/errors';
import type { ByteRange, Digest } from '@cistern/oci';

export interface Interval {
  readonly start: number;
  readonly endExclusive: number;
}

/**
 * Throws CacheError `range-unsatisfiable` unless `range` is inside the blob. Without `range`, returns the whole blob.
 */
export function checkRange(digest: Digest, size: number, range: ByteRange | undefined): Interval {
  if (range === undefined) return { start: 0, endExclusive: size };
  const { start, end } = range;
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end < size)
    return { start, endExclusive: end + 1 };
  throw new CacheError('range-unsatisfiable', `Bytes ${start}-${end} are not inside ${digest} of ${size} bytes.`, {
    detail: { digest, size },
  });
}
