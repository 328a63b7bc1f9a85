// Computes the CRC table for a blob's record. The table has a thousand segments at most, so that it fits in the record and needs
// no object of its own (decision 0067).
import { type CrcTable, segmentBytesOf, segmentCount } from '@cistern/oci';
import { combineSegments } from './combine-crc32.ts';
import { SegmentSums } from './segment-sums.ts';

/** The checksum of each segment takes four bytes. */
const maxSegments = 1000;

export interface CrcTableMaker {
  /** Adds the next bytes of the blob. `known` is their CRC-32, if it has been computed. */
  update(bytes: Uint8Array, known?: number): void;
  /** Returns the table. Must be called only after all bytes have been added. */
  table(): CrcTable;
}

/**
 * Creates a table from the bytes of a blob of `size` bytes, which must be added from its beginning. `least` is the smallest
 * segment size. Unset means the value that fills use.
 */
export function makeCrcTable(size: number, least?: number): CrcTableMaker {
  const ofFills = segmentBytesOf(size, least);
  const segmentBytes = ofFills * Math.ceil(segmentCount(size, ofFills) / maxSegments);
  const sums = new SegmentSums({ size, segmentBytes, from: 0 });
  return {
    update: (bytes, known) => sums.add(bytes, known),
    table: () => ({ segmentBytes, crcs: sums.crcs.map((crc = 0) => crc) }),
  };
}

/** Merges neighbouring segments of a table until it has at most a thousand. `size` is the size of the blob in bytes. */
export function foldCrcTable({ segmentBytes, crcs }: CrcTable, size: number): CrcTable {
  const together = Math.ceil(crcs.length / maxSegments);
  const folded = combineSegments(crcs, { segmentBytes, size }, together);
  return { segmentBytes: segmentBytes * together, crcs: folded.map((crc = 0) => crc) };
}
