// What a reader has passed on, segment by segment: its CRC-32, which is compared with that of the bytes that were verified.
import { crc32 } from 'node:zlib';
import type { CrcTable } from '@cistern/oci';
import { combineCrc32 } from './combine-crc32.ts';

export interface SegmentSumsOptions {
  /** Bytes of the whole blob. */
  readonly size: number;
  readonly segmentBytes: number;
  /** Of the first byte that is added. */
  readonly from: number;
}

/** The CRC-32 of the segments whose bytes came whole and in order, from wherever each of them came. */
export function createSegmentSums({ size, segmentBytes, from }: SegmentSumsOptions) {
  const sums = new Map<number, number>();
  let position = from;
  let index = Math.floor(from / segmentBytes);
  /** Of the segment at `position`; `undefined`: some of its bytes were not added. */
  let sum: number | undefined;

  const endOf = () => Math.min(size, (index + 1) * segmentBytes);
  const advance = (length: number) => {
    position += length;
    if (position < endOf()) return;
    if (sum !== undefined) sums.set(index, sum);
    index += 1;
    sum = 0;
  };
  if (position === index * segmentBytes) sum = 0;

  return {
    /** `known`: CRC-32 of `bytes`, where somebody has computed it. */
    add(bytes: Uint8Array, known?: number): void {
      for (let at = 0; at < bytes.length;) {
        const part = bytes.subarray(at, at + endOf() - position);
        if (sum !== undefined) {
          const own = part.length === bytes.length ? known : undefined;
          sum = own === undefined ? crc32(part, sum) : combineCrc32(sum, own, part.length);
        }
        at += part.length;
        advance(part.length);
      }
    },
    /** Bytes that need no comparison. */
    skip(length: number): void {
      for (let left = length; left > 0;) {
        const part = Math.min(left, endOf() - position);
        sum = undefined;
        left -= part;
        advance(part);
      }
    },
    /** Whether there is anything to compare. */
    get isEmpty(): boolean {
      return sums.size === 0;
    },
    /** Whether all that was added is what the table says. */
    matches(table: CrcTable): boolean {
      if (sums.size > 0 && table.segmentBytes !== segmentBytes) return false;
      for (const [segment, own] of sums) if (table.crcs[segment] !== own) return false;
      return true;
    },
  };
}

export type SegmentSums = ReturnType<typeof createSegmentSums>;
