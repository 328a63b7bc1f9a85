// Turns a requested range into the half-open interval that a reader delivers. All stores share these rules.
import { CacheError } from '@cistern/errors';
import type { ByteRange, Digest } from '@cistern/oci';

export interface Interval {
  readonly start: number;
  readonly endExclusive: number;
}

/**
 * Returns the number of bytes that a read from `position` into the buffer can return, which is 0 at the end. Throws a RangeError
 * if the buffer is empty, because 0 would mean the end.
 */
export function readableBytes(into: Uint8Array, position: number, endExclusive: number): number {
  if (into.byteLength === 0) throw new RangeError('the buffer to read into is empty');
  return Math.min(into.byteLength, endExclusive - position);
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
