// Turns the range a caller asks for into the half-open interval a reader delivers; the same rules for every adapter.
import { CacheError } from '@cistern/errors';
import type { ByteRange, Digest } from '@cistern/oci';

export interface Interval {
  readonly start: number;
  readonly endExclusive: number;
}

/** Throws CacheError `range-unsatisfiable` unless `range` lies inside the blob; without one, the whole blob. */
export function checkRange(digest: Digest, size: number, range: ByteRange | undefined): Interval {
  if (range === undefined) return { start: 0, endExclusive: size };
  const { start, end } = range;
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end < size)
    return { start, endExclusive: end + 1 };
  throw new CacheError('range-unsatisfiable', `Bytes ${start}-${end} do not lie inside ${digest} of ${size} bytes.`, {
    detail: { digest, size },
  });
}
