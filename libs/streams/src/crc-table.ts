// The CRC table that a blob's record keeps. It has a thousand segments at most, so that the record stays small and the blob needs no
// object beside it (decision 0067).
import { crc32 } from 'node:zlib';
import { type CrcTable, segmentBytesOf, segmentCount } from '@cistern/oci';
import { combineCrc32 } from './combine-crc32.ts';

/** Four bytes each. */
const maxSegments = 1000;

export interface CrcTableMaker {
  /** The next bytes of the blob. */
  update(bytes: Uint8Array): void;
  /** The table of all bytes that came. */
  table(): CrcTable;
}

/** For a blob of `size` bytes, read from its beginning. `least`: bytes of a segment; unset means as many as fills have. */
export function makeCrcTable(size: number, least?: number): CrcTableMaker {
  const ofFills = segmentBytesOf(size, least);
  const segmentBytes = ofFills * Math.ceil(segmentCount(size, ofFills) / maxSegments);
  const crcs: number[] = [];
  let crc = 0;
  let left = segmentBytes;
  return {
    update(bytes) {
      for (let at = 0; at < bytes.length;) {
        if (left === 0) {
          crcs.push(crc);
          crc = 0;
          left = segmentBytes;
        }
        const part = bytes.subarray(at, at + left);
        crc = crc32(part, crc);
        left -= part.length;
        at += part.length;
      }
    },
    table: () => ({ segmentBytes, crcs: [...crcs, crc] }),
  };
}

/** The table of a blob of `size` bytes with at most a thousand segments: neighbours become one. */
export function foldCrcTable({ segmentBytes, crcs }: CrcTable, size: number): CrcTable {
  const together = Math.ceil(crcs.length / maxSegments);
  const lengthOf = (at: number) => Math.min(segmentBytes, size - at * segmentBytes);
  const folded: number[] = [];
  for (const [at, crc] of crcs.entries()) {
    if (at % together === 0) folded.push(crc);
    else folded[folded.length - 1] = combineCrc32(folded.at(-1)!, crc, lengthOf(at));
  }
  return { segmentBytes: segmentBytes * together, crcs: folded };
}
