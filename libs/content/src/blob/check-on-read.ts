// Checks a stored blob on its way. The end of each part is withheld until the part is right, as a fill withholds its end.
import { crc32 } from 'node:zlib';
import { CacheError } from '@cistern/errors';
import { type CrcTable, createDigestHash, type Digest, digestAlgorithm } from '@cistern/oci';
import { combineCrc32, makeCrcTable, type SourceReader, SourceInterrupted } from '@cistern/streams';

/** By what the parts of a blob are known. It is shown all bytes, in order and from the beginning of a part. */
export interface ReadCheck {
  /** One past the last byte of the part that `position` is in. */
  endOfPart(position: number): number;
  /** `crc`: of the bytes. */
  update(bytes: Uint8Array, crc: number): void;
  /** Whether the part that has ended is right. */
  isRight(): boolean;
  /** The table of the blob. It is known once all of it is right. */
  table(): CrcTable;
}

/** Segment by segment, from the segment that `from` is in. */
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

/** All at once. Its table is made on the way; `least`: of a segment. */
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
  /** Where `reader` begins. */
  readonly start: number;
  /** The first byte that is given. */
  readonly from: number;
  readonly toExclusive: number;
  /** Called when all has been right, before the last bytes are given. */
  readonly onRight: () => Promise<void>;
  /** The store holds something else under this digest. `hasGiven`: some of the wrong part was passed on before. */
  readonly onWrong: (hasGiven: boolean) => Promise<void>;
}

/**
 * Gives no end of a part that is wrong. `read` rejects with `content-mismatch` then, or with `SourceInterrupted` if nothing of that
 * part has been given: it can still be had from elsewhere. A part that `toExclusive` cuts is not checked.
 */
export function checkOnRead(options: CheckOnReadOptions): SourceReader {
  const { reader, check, digest, start, from, toExclusive, onRight, onWrong } = options;
  let position = start;
  /** Up to where the bytes have been given or checked. */
  let settled = from;
  /** The CRC-32 of the bytes that the last `read` gave. */
  let crc = 0;

  const readSome = async (into: Uint8Array) => {
    const length = await reader.read(into);
    if (length === 0) throw new CacheError('store-unavailable', `The store ended ${digest} before its size.`);
    const bytes = into.subarray(0, length);
    const next = crc32(bytes);
    check.update(bytes, next);
    crc = combineCrc32(crc, next, length);
    position += length;
  };

  const refuse = async (hasGiven: boolean) => {
    await onWrong(hasGiven);
    if (!hasGiven) throw new SourceInterrupted('the store held other bytes');
    throw new CacheError('content-mismatch', `The store held other bytes under ${digest}. Pull it again.`, {
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
    // A store that fails within a part leaves it unchecked.
    isUnproven: true,
    table: reader.table,
    close: () => reader.close(),
  };
}
