// Copies one upstream body into segments. Chunks that arrive during a write are written together in the next write.
import type { UpstreamBlobBody } from '@cistern/upstream';

/** A run of segments that one GET fetches. */
export interface Run {
  /** The offset of the next byte from upstream. */
  next: number;
  /** The end of the run. It can become smaller, but not less than `next`. */
  endExclusive: number;
}

export interface CopyBodyOptions {
  /** A body that starts at `run.next`. */
  readonly opened: UpstreamBlobBody;
  readonly run: Run;
  /** The offset at which the body ends, according to the requested range. */
  readonly bodyEnd: number;
  /** Receives the bytes in order. */
  readonly write: (offset: number, chunks: readonly Buffer[]) => Promise<void>;
}

/** This much keeps the disk busy while the next chunks arrive. A larger value would only use more memory. */
const maxPendingBytes = 1024 * 1024;

/**
 * Resolves when everything up to the end of the run, or of the body, is written. It does not read the rest of the body, but
 * closes it. A body that is read to its own end leaves its connection reusable. The caller must check `run.next`, because the
 * body may have ended early. Rejects with the error of the body or of the write.
 */
export async function copyBody({ opened, run, bodyEnd, write }: CopyBodyOptions): Promise<void> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let written = run.next;
  let flushing: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;

  const throwFailure = () => {
    if (failure !== undefined) throw failure.error;
  };

  const flush = async () => {
    try {
      while (pending.length > 0) {
        const chunks = pending;
        const offset = written;
        written += pendingBytes;
        pending = [];
        pendingBytes = 0;
        await write(offset, chunks);
        for (const chunk of chunks) free(chunk);
      }
    } catch (error) {
      failure = { error };
    } finally {
      flushing = undefined;
    }
  };

  try {
    for await (const chunk of opened.body) {
      throwFailure();
      const end = run.next + chunk.length;
      const taken = chunk.subarray(0, Math.max(0, run.endExclusive - run.next));
      run.next += taken.length;
      if (taken.length > 0) pending.push(taken);
      pendingBytes += taken.length;
      if (pending.length > 0) flushing ??= flush();
      if (pendingBytes > maxPendingBytes) await flushing;
      throwFailure();
      if (run.next < end || (run.next === run.endExclusive && run.next < bodyEnd)) break;
    }
    await flushing;
    throwFailure();
  } finally {
    opened.close();
    await flushing;
  }
}

/**
 * Frees a chunk that has an `ArrayBuffer` of its own, as a chunk from a socket does. V8 keeps only small objects for such
 * chunks, and their memory is outside its heap. Without this, the garbage collector would scan the whole heap for each 64 MB of
 * a fill.
 */
function free({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
