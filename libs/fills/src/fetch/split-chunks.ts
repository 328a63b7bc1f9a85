// Splits chunks of a body where segments begin, and skips bytes that are already fetched.
import type { Segment, Segments } from '../spool/segments.ts';

/** Splits `chunks` where segments begin. The first chunk begins at `offset` of the blob. */
export function* bySegment(segments: Segments, offset: number, chunks: readonly Buffer[]) {
  let at = offset;
  let piece: { readonly segment: Segment; readonly offset: number; readonly chunks: Buffer[] } | undefined;
  for (const chunk of chunks) {
    for (let rest = chunk; rest.length > 0;) {
      const segment = segments.holding(at);
      if (piece?.segment !== segment) {
        if (piece !== undefined) yield piece;
        piece = { segment, offset: at, chunks: [] };
      }
      const part = rest.subarray(0, segment.end - at);
      piece.chunks.push(part);
      at += part.length;
      rest = rest.subarray(part.length);
    }
  }
  if (piece !== undefined) yield piece;
}

/** Returns the chunks without their first `bytes`. */
export function skip(chunks: readonly Buffer[], bytes: number): Buffer[] {
  let left = bytes;
  return chunks.flatMap((chunk) => {
    const skipped = Math.min(left, chunk.length);
    left -= skipped;
    return skipped < chunk.length ? [chunk.subarray(skipped)] : [];
  });
}
