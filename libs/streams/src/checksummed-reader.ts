// A follower's stream of a fill that others may have to go on with. Its worker may be killed before it has verified what it
// gave, so the reader keeps a checksum of it, by which the bytes that are verified later can be told to be the same.
import { crc32 } from 'node:zlib';
import { isCacheError } from '@cistern/errors';
import type { SourceReader } from './byte-source.ts';
import type { PlaceReader } from './failover-reader.ts';

interface ByteRange {
  readonly from: number;
  readonly toExclusive: number;
}

/** `size`: of the whole blob. For verified ranges: nobody waits for a proof of others. */
export function openChecksummedReader(
  inner: SourceReader,
  { from, toExclusive }: ByteRange,
  size: number,
): PlaceReader {
  let endExclusive = from;
  let checksum = 0;
  let isWrong = false;
  return {
    async read(into) {
      try {
        const length = await inner.read(into);
        checksum = crc32(into.subarray(0, length), checksum);
        endExclusive += length;
        return length;
      } catch (error) {
        isWrong ||= isCacheError(error, 'content-mismatch');
        throw error;
      }
    },
    close: () => inner.close(),
    get delivered() {
      return { from, endExclusive, checksum };
    },
    async verification(needed) {
      if (isWrong) return 'lost';
      // A fill gives its last byte only once it has verified the whole.
      if (toExclusive === size && endExclusive === size) return 'proven';
      return (await inner.verification?.(needed)) ?? 'open';
    },
  };
}
