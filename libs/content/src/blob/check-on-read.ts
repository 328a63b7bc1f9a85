// Checks a stored blob while it is read. The last bytes of each part are withheld until the part is verified, as in a fill.
import { crc32 } from 'node:zlib';
import { CacheError } from '@cistern/errors';
import { type CrcTable, createDigestHash, type Digest, digestAlgorithm } from '@cistern/oci';
import { combineCrc32, makeCrcTable, type SourceReader, SourceInterrupted } from '@cistern/streams';

/**
 * Verifies the parts of a blob. A part is a segment with a checksum, or the whole blob. `update` gets all bytes in order, from
 * the beginning of a part.
 */
export interface ReadCheck {
  /** Returns the offset after the last byte of the part that has the byte at `position`. */
  endOfPart(position: number): number;
  /** `crc` is the CRC-32 of `bytes`. */
  update(bytes: Uint8Array, crc: number): void;
  /** Returns whether the part whose last byte was just added is right. */
  isRight(): boolean;
  /** Returns the checksum table of the blob. It is valid only after all parts were right. */
  table(): CrcTable;
}

/** Checks each segment by its checksum. It begins with the segment that has the byte at `from`. */
export function checkByTable(table: CrcTable, size: number, from: number): ReadCheck {
  const { segmentBytes, crcs } = table;
  let segment = Math.floor(from / segmentBytes);
  let crc = 0;
  return {
    endOfPart: (position) => Math.min(size, (Math.floor(position / segmentBytes) + 1) * segmentBytes),
    update(bytes, next) {
      crc = combineCrc32(crc, next, bytes.length);
    },
    isRight() {
      const isRight = crc === crcs[segment];
      segment += 1;
      crc = 0;
      return isRight;
    },
    table: () => table,
  };
}

/** Checks the whole blob by its digest, and computes its checksum table. `least` is the least number of bytes of a segment. */
export function checkByDigest(digest: Digest, size: number, least?: number): ReadCheck {
  const hash = createDigestHash(digest);
  const maker = makeCrcTable(size, least);
  return {
    endOfPart: () => size,
    update(bytes, crc) {
      hash.update(bytes);
      maker.update(bytes, crc);
    },
    isRight: () => `${digestAlgorithm(digest)}:${hash.digest('hex')}` === digest,
    table: () => maker.table(),
  };
}

export interface CheckOnReadOptions {
  /** Reads the stored bytes from the beginning of a part to `toExclusive`. */
  readonly reader: SourceReader;
  readonly check: ReadCheck;
  readonly digest: Digest;
  /** The offset at which `reader` begins. */
  readonly start: number;
  /** The offset of the first byte that `read` returns. */
  readonly from: number;
  readonly toExclusive: number;
  /** Called after all parts were right, before the last bytes are returned. */
  readonly onRight: () => Promise<void>;
  /** Called when a part is wrong. `hasReturned` is true if `read` has already returned bytes of that part. */
  readonly onWrong: (hasReturned: boolean) => Promise<void>;
}

/**
 * Wraps a reader so that it withholds the end of a wrong part. `read` then rejects with `content-mismatch`. If `read` has
 * returned no byte of that part, it rejects with `SourceInterrupted` instead, because another source can provide the part. A
 * part that ends after `toExclusive` is not checked.
 */
export function checkOnRead(options: CheckOnReadOptions): SourceReader {
  const { reader, check, digest, start, from, toExclusive, onRight, onWrong } = options;
  let position = start;
  /** All returned bytes before this offset are checked. */
  let settled = from;
  /** The CRC-32 of the bytes that the last `read` returned. */
  let crc = 0;

  const readSome = async (into: Uint8Array) => {
    const length = await reader.read(into);
    if (length === 0)
      throw new CacheError('store-unavailable', `The store returned fewer bytes of ${digest} than the blob has.`);
    const bytes = into.subarray(0, length);
    const next = crc32(bytes);
    check.update(bytes, next);
    crc = combineCrc32(crc, next, length);
    position += length;
  };

  const refuse = async (hasReturned: boolean) => {
    await onWrong(hasReturned);
    if (!hasReturned) throw new SourceInterrupted('the store has wrong bytes');
    throw new CacheError('content-mismatch', `The store has wrong bytes under ${digest}. Pull it again.`, {
      retryable: true,
    });
  };

  return {
    async read(into) {
      if (position === toExclusive) return 0;
      while (position < from) await readSome(into.subarray(0, from - position));
      crc = 0;
      const begin = position;
      const partEnd = check.endOfPart(begin);
      const end = Math.min(partEnd, toExclusive);
      const isLast = end - begin <= into.length;
      do await readSome(into.subarray(position - begin, end - begin));
      while (isLast && position < end);
      if (position === partEnd) {
        if (!check.isRight()) await refuse(begin > settled);
        settled = position;
      }
      if (position === toExclusive) await onRight();
      return position - begin;
    },
    get crc() {
      return crc;
    },
    // The last part is unchecked if the store fails within it.
    isUnverified: true,
    table: reader.table,
    close: () => reader.close(),
  };
}
