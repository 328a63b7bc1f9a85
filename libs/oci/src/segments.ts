// Segments are the equal parts in which a blob is fetched, stored and checked.

/**
 * CRC-32 of each segment of a blob, in order. It detects accidental changes. It proves nothing against an attacker who chooses
 * the bytes: that is the purpose of the digest.
 */
export interface CrcTable {
  readonly segmentBytes: number;
  readonly crcs: readonly number[];
}

const mebibyte = 1024 * 1024;
/** The size of every segment of a small blob except its last. */
export const leastSegmentBytes = 16 * mebibyte;
/** The most parts of an upload to S3. */
const maxSegments = 10_000;

/**
 * Returns the size of every segment except the last, which may be shorter: Cloudflare's R2 requires equal parts. Above `least` it
 * is a multiple of 1 MiB.
 */
export function segmentBytesOf(size: number, least = leastSegmentBytes): number {
  return size <= least * maxSegments ? least : Math.ceil(size / maxSegments / mebibyte) * mebibyte;
}

/** Returns the number of segments of a blob of `size` bytes. An empty blob has one. */
export function segmentCount(size: number, segmentBytes: number): number {
  return Math.max(1, Math.ceil(size / segmentBytes));
}
