// The CRC table that a blob's record keeps. It has a thousand segments at most, so that the record stays small and the blob needs no
// object beside it (decision 0067).
import { type CrcTable, segmentBytesOf, segmentCount } from '@cistern/oci';
import { combineSegments } from './combine-crc32.ts';
import { createSegmentSums } from './segment-sums.ts';

/** Four bytes each. */
const maxSegments = 1000;

export interface CrcTableMaker {
  /** The next bytes of the blob. `known`: their CRC-32, where it has been computed. */
  update(bytes: Uint8Array, known?: number): void;
  /** To be read once all bytes have come. */
  table(): CrcTable;
}

/** For a blob of `size` bytes, read from its beginning. `least`: bytes of a segment; unset means as many as fills have. */
export function makeCrcTable(size: number, least?: number): CrcTableMaker {
  const ofFills = segmentBytesOf(size, least);
  const segmentBytes = ofFills * Math.ceil(segmentCount(size, ofFills) / maxSegments);
  const sums = createSegmentSums({ size, segmentBytes, from: 0 });
  return { update: sums.add, table: () => ({ segmentBytes, crcs: sums.crcs.map((crc = 0) => crc) }) };
}

/** The table of a blob of `size` bytes with at most a thousand segments: neighbours become one. */
export function foldCrcTable({ segmentBytes, crcs }: CrcTable, size: number): CrcTable {
  const together = Math.ceil(crcs.length / maxSegments);
  const folded = combineSegments(crcs, { segmentBytes, size }, together);
  return { segmentBytes: segmentBytes * together, crcs: folded.map((crc = 0) => crc) };
}
