// Checks a stored blob while it is read. The end of each part is withheld until the part is verified, as in a fill.
import { crc32 } from 'node:zlib';
import { CacheError } from '@cistern/errors';
import { type CrcTable, createDigestHash, type Digest, digestAlgorithm } from '@cistern/oci';
import { combineCrc32, makeCrcTable, type SourceReader, SourceInterrupted } from '@cistern/streams';

/** Verifies the parts of a blob. It gets all bytes in order, from the beginning of a part. */
export interface ReadCheck {
  /** Returns one past the last byte of the part with `position`. */
  endOfPart(position: number): number;
  /** `crc` is the CRC-32 of `bytes`. */
  update(bytes: Uint8Array, crc: number): void;
  /** Returns whether the part that has ended is right. */
  isRight(): boolean;
  /** Returns the checksum table of the blob. Valid once all parts are right. */
  table(): CrcTable;
}

/** Checks each segment by its checksum, from the segment with `from`. */
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

/** Checks the whole blob by its digest, and computes its table. `least` is the least bytes of a segment. */
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
  /** Reads from the beginning of a part, to `toExclusive`. */
  readonly reader: SourceReader;
  readonly check: ReadCheck;
  readonly digest: Digest;
  /** The offset at which `reader` begins. */
  readonly start: number;
  /** The offset of the first byte that `read` returns. */
  readonly from: number;
  readonly toExclusive: number;
  /** Called when all parts are right, before the last bytes are returned. */
  readonly onRight: () => Promise<void>;
  /** Called when the store has wrong bytes under this digest. `hasReturned` means that bytes of the wrong part were returned. */
  readonly onWrong: (hasReturned: boolean) => Promise<void>;
}

/**
 * Wraps a reader so that it withholds the end of a wrong part. `read` then rejects with `content-mismatch`. If it returned no byte
 * of that part, it rejects with `SourceInterrupted`: another source can provide it. A part that `toExclusive` cuts is not checked.
 */
export function checkOnRead(options: CheckOnReadOptions): SourceReader {
  const { reader, check, digest, start, from, toExclusive, onRight, onWrong } = options;
  let position = start;
  /** All bytes before this offset are checked. */
  let settled = from;
  /** The CRC-32 of the bytes that the last `read` returned. */
  let crc = 0;

  const readSome = async (into: Uint8Array) => {
    const length = await reader.read(into);
    if (length === 0)
      throw new CacheError('store-unavailable', `The store returned fewer bytes of ${digest} than its size.`);
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
    // If the store fails within a part, that part stays unchecked.
    isUnverified: true,
    table: reader.table,
    close: () => reader.close(),
  };
}
