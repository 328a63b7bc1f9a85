// Makes the CRC table for a blob's record. It has a thousand segments at most, so that the record stays small and the blob needs
// no second object (decision 0067).
import { type CrcTable, segmentBytesOf, segmentCount } from '@cistern/oci';
import { combineSegments } from './combine-crc32.ts';
import { createSegmentSums } from './segment-sums.ts';

/** Each takes four bytes. */
const maxSegments = 1000;

export interface CrcTableMaker {
  /** Adds the next bytes of the blob. `known` is their CRC-32, if it has been computed. */
  update(bytes: Uint8Array, known?: number): void;
  /** Returns the table. Call it when all bytes have been added. */
  table(): CrcTable;
}

/** Reads a blob of `size` bytes from its beginning. `least` is the least segment size. Unset means that of fills. */
export function makeCrcTable(size: number, least?: number): CrcTableMaker {
  const ofFills = segmentBytesOf(size, least);
  const segmentBytes = ofFills * Math.ceil(segmentCount(size, ofFills) / maxSegments);
  const sums = createSegmentSums({ size, segmentBytes, from: 0 });
  return { update: sums.add, table: () => ({ segmentBytes, crcs: sums.crcs.map((crc = 0) => crc) }) };
}

/** Returns the table of a blob of `size` bytes with at most a thousand segments. It merges neighbouring segments. */
export function foldCrcTable({ segmentBytes, crcs }: CrcTable, size: number): CrcTable {
  const together = Math.ceil(crcs.length / maxSegments);
  const folded = combineSegments(crcs, { segmentBytes, size }, together);
  return { segmentBytes: segmentBytes * together, crcs: folded.map((crc = 0) => crc) };
}
