// Segments: the equal parts in which a blob is fetched, stored and checked.

/**
 * CRC-32 of each segment of a blob, in order. It detects accidents, and proves nothing against an attacker who chooses the bytes: the
 * digest does.
 */
export interface CrcTable {
  readonly segmentBytes: number;
  readonly crcs: readonly number[];
}

const mebibyte = 1024 * 1024;
/** The size of every segment of a small blob but its last. */
export const leastSegmentBytes = 16 * mebibyte;
/** An upload to S3 has no more parts. */
const maxSegments = 10_000;

/** Bytes of every segment but the last, which may be shorter: Cloudflare's R2 wants equal parts. Whole MiB above `least`. */
export function segmentBytesOf(size: number, least = leastSegmentBytes): number {
  return size <= least * maxSegments ? least : Math.ceil(size / maxSegments / mebibyte) * mebibyte;
}

/** How many segments a blob of `size` bytes has; an empty blob has one. */
export function segmentCount(size: number, segmentBytes: number): number {
  return Math.max(1, Math.ceil(size / segmentBytes));
}
