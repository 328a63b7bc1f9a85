// The text form of a blob's CRC table in a record. Both adapters use the same form.
import { isDeepStrictEqual } from 'node:util';
import { type CrcTable, segmentCount } from '@cistern/oci';

const crcBytes = 4;
const radix = 36;

/**
 * Returns `<bytes of a segment, base 36>.<CRCs of four bytes each, base64url>`: 12 characters for a blob of one
 * segment.
 */
export function packCrcTable({ segmentBytes, crcs }: CrcTable): string {
  const bytes = Buffer.allocUnsafe(crcs.length * crcBytes);
  for (const [at, crc] of crcs.entries()) bytes.writeUInt32BE(crc, at * crcBytes);
  return `${segmentBytes.toString(radix)}.${bytes.toString('base64url')}`;
}

/**
 * Reverses `packCrcTable`, for a blob of `size` bytes. Returns `undefined` if there is no table, or if it is a table
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
