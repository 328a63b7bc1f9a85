// Converts a blob's CRC table to the text that a record contains. The indexes in Redis and SQLite use the same text.
import { isDeepStrictEqual } from 'node:util';
import { type CrcTable, segmentCount } from '@cistern/oci';

const crcBytes = 4;
const radix = 36;

/**
 * Returns `<bytes of a segment, base 36>.<CRCs of four bytes each, base64url>`. A blob of one segment needs about 12
 * characters.
 */
export function packCrcTable({ segmentBytes, crcs }: CrcTable): string {
  const bytes = Buffer.allocUnsafe(crcs.length * crcBytes);
  for (const [at, crc] of crcs.entries()) bytes.writeUInt32BE(crc, at * crcBytes);
  return `${segmentBytes.toString(radix)}.${bytes.toString('base64url')}`;
}

/**
 * Reverses `packCrcTable`, for a blob of `size` bytes. Returns `undefined` if `packed` contains no table, or a table
 * for another size.
 */
export function unpackCrcTable(packed: string | null | undefined, size: number): CrcTable | undefined {
  const [first = '', second = ''] = packed?.split('.') ?? [];
  const segmentBytes = Number.parseInt(first, radix);
  const bytes = Buffer.from(second, 'base64url');
  if (!(segmentBytes > 0) || bytes.length !== segmentCount(size, segmentBytes) * crcBytes) return undefined;
  return {
    segmentBytes,
    crcs: Array.from({ length: bytes.length / crcBytes }, (_, at) => bytes.readUInt32BE(at * crcBytes)),
  };
}

export function isSameTable(one: CrcTable, other: CrcTable | undefined): boolean {
  return isDeepStrictEqual(one, other);
}
