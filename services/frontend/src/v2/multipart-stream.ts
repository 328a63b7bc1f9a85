// Combines several ranges of one blob into one stream of bytes, framed as multipart/byteranges.
import { groupNearRanges, type MultipartByteranges } from '@cistern/oci';
import type { BlobStream, OpenedBlob } from '@cistern/pull-through';

const nothing = new Uint8Array(0);

/**
 * Ranges that are close together share one read, and the bytes between them are skipped. At most one read is open at a time,
 * however many ranges there are. The caller closes the stream.
 */
export async function openMultipartStream(blob: OpenedBlob, { parts, end }: MultipartByteranges): Promise<BlobStream> {
  const groups = groupNearRanges(parts.map(({ range }) => range)).map((ranges) => [...ranges]);
  const headers = parts.map(({ header }) => header).values();
  const [first] = groups;
  if (first === undefined) throw new Error('a multipart answer has at least one part');
  let current = await openRead(blob, first);
  const { cache } = current.stream;
  let pending: Uint8Array | undefined = headers.next().value;
  let range = first.shift();
  let closed = false;

  /** Moves on to the next part, and returns its header. After the last part, it returns the end of the frame. */
  const advance = async (): Promise<Uint8Array> => {
    if (groups[0]?.length === 0) {
      await current.finish();
      groups.shift();
      const [group] = groups;
      if (group === undefined) {
        range = undefined;
        return end;
      }
      current = await openRead(blob, group);
      if (closed) current.stream.close();
    }
    range = groups[0]?.shift();
    return headers.next().value ?? nothing;
  };

  return {
    cache,
    async next() {
      if (pending !== undefined) {
        const header = pending;
        pending = undefined;
        return header;
      }
      return range && ((await current.take(range.start, range.end + 1)) ?? advance());
    },
    close() {
      closed = true;
      current.stream.close();
    },
  };
}

/** Opens one read from the start of the first range to the end of the last range. */
async function openRead(blob: OpenedBlob, ranges: readonly { readonly start: number; readonly end: number }[]) {
  const start = ranges[0]?.start ?? 0;
  const stream = await blob.read({ start, end: ranges.at(-1)?.end ?? start });
  let at = start;
  let rest: Uint8Array = nothing;
  return {
    stream,
    /** Returns the next bytes at or after `from`. Returns `undefined` if all bytes before `endExclusive` have been returned. */
    async take(from: number, endExclusive: number): Promise<Uint8Array | undefined> {
      while (at < endExclusive) {
        const chunk = rest.length > 0 ? rest : await stream.next();
        if (chunk === undefined) return undefined;
        const skipped = Math.min(Math.max(from - at, 0), chunk.length);
        const bytes = chunk.subarray(skipped, skipped + Math.max(endExclusive - at - skipped, 0));
        rest = chunk.subarray(skipped + bytes.length);
        at += skipped + bytes.length;
        if (bytes.length > 0) return bytes;
      }
      return undefined;
    },
    /** Reads to the end of the stream, which confirms that its bytes are correct. */
    async finish(): Promise<void> {
      if (rest.length === 0) await stream.next();
      stream.close();
    },
  };
}
