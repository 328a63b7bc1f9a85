// Computes the CRC-32 of each segment that a reader has forwarded. It is compared with the CRC-32 of the verified segment.
import { crc32 } from 'node:zlib';
import { type CrcTable, segmentCount } from '@cistern/oci';
import { type Segmented, combineCrc32, combineSegments } from './combine-crc32.ts';

export interface SegmentSumsOptions extends Segmented {
  /** The offset of the first added byte. */
  readonly from: number;
}

/** Computes the CRC-32 of segments whose bytes all arrive, in order. The bytes can come from several sources. */
export function createSegmentSums({ size, segmentBytes, from }: SegmentSumsOptions) {
  /** Unset for segments that did not arrive completely. */
  const crcs = Array.from<number | undefined>({ length: segmentCount(size, segmentBytes) });
  let hasSome = false;
  let position = from;
  let index = Math.floor(from / segmentBytes);
  /** The CRC-32 of the segment at `position`. Unset means that some of its bytes were not added. */
  let sum: number | undefined;

  const endOf = () => Math.min(size, (index + 1) * segmentBytes);
  /** Returns true if bytes of the segment at `position` have arrived, and all of them were added. */
  const isBegun = () => sum !== undefined && position > index * segmentBytes;
  const advance = (length: number) => {
    position += length;
    if (position < endOf()) return;
    crcs[index] = sum;
    hasSome ||= sum !== undefined;
    index += 1;
    sum = 0;
  };
  if (position === index * segmentBytes) sum = 0;

  return {
    /** Adds bytes. `known` is the CRC-32 of `bytes`, if it has been computed. */
    add(bytes: Uint8Array, known?: number): void {
      for (let at = 0; at < bytes.length && position < size;) {
        const part = bytes.subarray(at, at + endOf() - position);
        if (sum !== undefined) {
          const own = part.length === bytes.length ? known : undefined;
          sum = own === undefined ? crc32(part, sum) : combineCrc32(sum, own, part.length);
        }
        at += part.length;
        advance(part.length);
      }
    },
    /**
     * Passes over bytes that are already verified. They are not compared, except at the end of a segment whose first bytes were
     * added.
     */
    passOver(bytes: Uint8Array): void {
      for (let at = 0; at < bytes.length && position < size;) {
        const part = bytes.subarray(at, at + endOf() - position);
        sum = isBegun() ? crc32(part, sum) : undefined;
        at += part.length;
        advance(part.length);
      }
    },
    /** The CRC-32 of each segment. Unset for segments that did not arrive completely. */
    crcs,
    /** True if there is nothing to compare. */
    get isEmpty(): boolean {
      return !hasSome && !isBegun();
    },
    /**
     * Returns whether all completely added segments match the table. A segment of the table can consist of several of these
     * segments.
     */
    matches(table: CrcTable): boolean {
      const together = table.segmentBytes / segmentBytes;
      if (!Number.isInteger(together) || table.crcs.length !== segmentCount(size, table.segmentBytes)) return !hasSome;
      const own = combineSegments(crcs, { segmentBytes, size }, together);
      return table.crcs.every((right, at) => own[at] === undefined || own[at] === right);
    },
  };
}

export type SegmentSums = ReturnType<typeof createSegmentSums>;
