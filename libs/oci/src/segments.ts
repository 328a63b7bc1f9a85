// Segments are the equal parts in which a blob is fetched, stored and checked.

/**
 * CRC-32 of each segment of a blob, in order. The checksums detect accidental changes. They do not protect against an attacker,
 * because only the digest can do that.
 */
export interface CrcTable {
  readonly segmentBytes: number;
  readonly crcs: readonly number[];
}

const mebibyte = 1024 * 1024;
/** The smallest segment size. The last segment of a blob may be shorter. */
export const leastSegmentBytes = 16 * mebibyte;
/** The most parts that S3 allows in an upload. */
const maxSegments = 10_000;

/**
 * Returns the segment size for a blob of `size` bytes. All segments have this size except the last, which may be shorter, because
 * Cloudflare's R2 requires equal parts. If it is larger than `least`, it is a multiple of 1 MiB.
 */
export function segmentBytesOf(size: number, least = leastSegmentBytes): number {
  return size <= least * maxSegments ? least : Math.ceil(size / maxSegments / mebibyte) * mebibyte;
}

/** Returns the number of segments of a blob of `size` bytes. An empty blob has one segment. */
export function segmentCount(size: number, segmentBytes: number): number {
  return Math.max(1, Math.ceil(size / segmentBytes));
}
