// Copies one upstream body into a fill. Chunks that arrive while a write is under way go out together in the next one.
import type { UpstreamBlobBody } from '@cistern/upstream';
import type { Interval } from './spool.ts';

/** A stretch being fetched. `next` is the byte to come next from upstream; `endExclusive` may shrink, but not below it. */
export interface Stretch {
  next: number;
  endExclusive: number;
}

export interface FetchIntoOptions {
  /** A body that starts at `stretch.next`. */
  readonly opened: UpstreamBlobBody;
  /** Where the body ends, by what was asked for. */
  readonly bodyEnd: number;
  readonly stretch: Stretch;
  /** Which parts of an interval that has come are to be written: those that nobody else brings. */
  readonly take: (start: number, endExclusive: number) => readonly Interval[];
  readonly write: (offset: number, chunks: readonly Buffer[]) => Promise<void>;
}

/** Enough for the disk to be busy while the next chunks arrive; more would only be memory. */
const maxPendingBytes = 1024 * 1024;

interface Piece {
  readonly offset: number;
  readonly bytes: Buffer;
}

/**
 * Resolves when everything taken has been written, and the stretch's end or the body's has come; the rest of the body is
 * dropped where there is more (a body read to its own end leaves its connection reusable). The caller checks
 * `stretch.next`: the body may have ended before. Rejects with what the body or the write threw.
 */
export async function fetchInto({ opened, bodyEnd, stretch, take, write }: FetchIntoOptions): Promise<void> {
  let pending: Piece[] = [];
  let pendingBytes = 0;
  let flushing: Promise<void> | undefined;
  let failure: { error: unknown } | undefined;

  const flush = async () => {
    try {
      while (pending.length > 0) {
        const pieces = pending;
        pending = [];
        pendingBytes = 0;
        for (const { offset, chunks } of joined(pieces)) {
          await write(offset, chunks);
          for (const chunk of chunks) free(chunk);
        }
      }
    } catch (error) {
      failure = { error };
    } finally {
      flushing = undefined;
    }
  };

  try {
    for await (const chunk of opened.body) {
      const start = stretch.next;
      const end = start + chunk.length;
      stretch.next = Math.min(end, stretch.endExclusive);
      for (const part of take(start, stretch.next)) {
        pending.push({ offset: part.start, bytes: chunk.subarray(part.start - start, part.endExclusive - start) });
        pendingBytes += part.endExclusive - part.start;
      }
      if (pending.length > 0) flushing ??= flush();
      if (pendingBytes > maxPendingBytes) await flushing;
      if (failure !== undefined) throw failure.error;
      if (stretch.next < end || (stretch.next === stretch.endExclusive && stretch.next < bodyEnd)) break;
    }
    await flushing;
    if (failure !== undefined) throw failure.error;
  } finally {
    opened.close();
    await flushing;
  }
}

/** Neighbours go out in one write. */
function* joined(pieces: readonly Piece[]): Generator<{ readonly offset: number; readonly chunks: Buffer[] }> {
  let run: { offset: number; end: number; chunks: Buffer[] } | undefined;
  for (const { offset, bytes } of pieces) {
    if (run !== undefined && run.end !== offset) {
      yield run;
      run = undefined;
    }
    run ??= { offset, end: offset, chunks: [] };
    run.chunks.push(bytes);
    run.end += bytes.length;
  }
  if (run !== undefined) yield run;
}

/**
 * Frees a chunk that came as memory of its own, as a socket's do. What lies outside the heap is much for the kernel and little
 * for V8's young generation: left to the collector, each 64 MB of a fill would cost a look at the whole heap.
 */
function free({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
