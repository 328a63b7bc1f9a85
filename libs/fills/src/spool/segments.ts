// The bytes of a fill are an ordered list of segments. Each segment is fetched from its start to its end. Segments are hashed
// in order, and stored in any order. A segment that is hashed and stored is freed when its space is needed.
//   missing → fetching → present → hashed, stored → evictable → freed
import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type CrcTable, segmentCount } from '@cistern/oci';
import type { SpoolFiles } from './spool-files.ts';

export interface Segment {
  readonly index: number;
  /** The offset of its first byte within the blob. */
  readonly start: number;
  readonly end: number;
  /** Number of the segment's bytes that have arrived, counted from its start. */
  readonly filled: number;
  readonly isComplete: boolean;
  /** True if the segment's bytes are no longer in the spool. */
  readonly isFreed: boolean;
  /** SHA-256 of a complete segment, in hex, if `hasSha256` is set. */
  readonly sha256: string | undefined;
  isHashed: boolean;
  isStored: boolean;
  /** Gives the segment's space back to the spool. Set while space is reserved for the segment. */
  release: (() => void) | undefined;
}

/** A reader waits for a running fetch if the fetch is at most this many bytes before the segment that the reader needs. */
export const nearBytesOf = (segmentBytes: number): number => segmentBytes / 4;

export interface SegmentsOptions {
  /** Size of the blob. If the size is unknown, this is the upper limit for reading, and `endAt` sets the real size. */
  readonly size: number;
  readonly segmentBytes: number;
  readonly files: SpoolFiles;
  /** Whether each segment gets a SHA-256 of its own, for stores that sign it. */
  readonly hasSha256: boolean;
}

type MutableSegment = { -readonly [key in keyof Segment]: Segment[key] } & { crc: number; hash: Hash | undefined };

export type Segments = ReturnType<typeof createSegments>;

export function createSegments({ size: givenSize, segmentBytes, files, hasSha256 }: SegmentsOptions) {
  let size = givenSize;
  let onDiskBytes = 0;
  let fetchedBytes = 0;
  /** Segments are created when they are first used. A blob of unknown size rarely needs as many as its limit allows. */
  const segments: MutableSegment[] = [];
  let count = segmentCount(size, segmentBytes);

  const segmentAt = (index: number): MutableSegment => {
    for (let next = segments.length; next <= index; next += 1) {
      const start = next * segmentBytes;
      const end = Math.min(size, start + segmentBytes);
      segments.push({
        index: next,
        start,
        end,
        filled: 0,
        crc: 0,
        isComplete: start === end,
        isFreed: false,
        sha256: undefined,
        isHashed: false,
        isStored: false,
        release: undefined,
        hash: hasSha256 ? createHash('sha256') : undefined,
      });
    }
    return segments[index]!;
  };

  const complete = (segment: MutableSegment) => {
    segment.isComplete = true;
    segment.sha256 = segment.hash?.digest('hex');
  };

  const holding = (offset: number) => segmentAt(Math.floor(offset / segmentBytes));

  return {
    segmentBytes,
    get size(): number {
      return size;
    },
    get count(): number {
      return count;
    },
    /** Number of bytes that are in files now. */
    get onDiskBytes(): number {
      return onDiskBytes;
    },
    /** Number of bytes received so far. */
    get fetchedBytes(): number {
      return fetchedBytes;
    },
    at: (index: number): Segment => segmentAt(index),
    /** Returns the segment that contains the byte at `offset`, which must be less than the size of the blob. */
    holding: (offset: number): Segment => holding(offset),
    /** Iterates over all segments, in order. */
    *[Symbol.iterator](): Generator<Segment> {
      for (let index = 0; index < count; index += 1) yield segmentAt(index);
    },
    /** Returns the end of the present bytes at `offset` within their segment. Returns `offset` if there are none. */
    presentEnd(offset: number): number {
      if (offset >= size) return offset;
      const { start, filled, isFreed } = holding(offset);
      return isFreed ? offset : Math.max(offset, start + filled);
    },
    /**
     * Appends to the segment that contains `offset`. The segment's present bytes must end at `offset`, and the chunks must end
     * within the segment.
     */
    async append(offset: number, chunks: readonly Uint8Array[]): Promise<void> {
      const segment = holding(offset);
      const { index, start, filled } = segment;
      let length = 0;
      for (const chunk of chunks) length += chunk.length;
      if (offset !== start + filled || offset + length > segment.end)
        throw new Error('bytes of a segment must be appended in order');
      await files.write(index, filled, chunks);
      for (const chunk of chunks) {
        segment.crc = crc32(chunk, segment.crc);
        segment.hash?.update(chunk);
      }
      segment.filled += length;
      onDiskBytes += length;
      fetchedBytes += length;
      if (segment.filled === segment.end - start) complete(segment);
    },
    /** Reads present bytes from `offset` on. Resolves to their number, which is at least one. */
    read(offset: number, into: Uint8Array): Promise<number> {
      const { index, start, filled } = holding(offset);
      return files.read(index, offset - start, into.subarray(0, start + filled - offset));
    },
    /** Returns the file position of the byte at `offset`, which must be present. */
    locate(offset: number) {
      const { index, start } = holding(offset);
      return files.locate(index, offset - start);
    },
    /** Marks the first segments as hashed, stored and freed, because an earlier fill has stored them with these CRCs. */
    passOver(crcs: readonly number[]): void {
      for (const [index, crc] of crcs.entries()) {
        const segment = segmentAt(index);
        const filled = segment.end - segment.start;
        Object.assign(segment, { crc, filled, isComplete: true, isHashed: true, isStored: true, isFreed: true });
        fetchedBytes += filled;
      }
    },
    /** Sets the size of a blob of unknown size to `offset`. Called when the whole blob has arrived. */
    endAt(offset: number): void {
      size = offset;
      count = segmentCount(size, segmentBytes);
      segments.length = Math.min(segments.length, count);
      const last = segmentAt(count - 1);
      last.end = size;
      if (!last.isComplete) complete(last);
    },
    /** Removes the segment's bytes from the spool. Gives its space back immediately. Rejects if its file cannot be removed. */
    async free({ index }: Segment): Promise<void> {
      const segment = segmentAt(index);
      if (segment.isFreed) return;
      segment.isFreed = true;
      onDiskBytes -= segment.filled;
      segment.release?.();
      segment.release = undefined;
      await files.drop(index);
    },
    /** The checksums of all segments. Valid only after the whole blob has arrived. */
    get table(): CrcTable {
      return { segmentBytes, crcs: Array.from({ length: count }, (_, index) => segmentAt(index).crc) };
    },
  };
}
