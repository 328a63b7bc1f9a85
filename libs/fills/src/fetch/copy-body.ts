// Copies one body of upstream into segments. Chunks that arrive while a write is under way go out together in the next one.
import type { UpstreamBlobBody } from '@cistern/upstream';

/** A run of segments that one GET brings. */
export interface Run {
  /** The byte that comes next from upstream. */
  next: number;
  /** Where it stops; it may shrink, but not below `next`. */
  endExclusive: number;
}

export interface CopyBodyOptions {
  /** A body that starts at `run.next`. */
  readonly opened: UpstreamBlobBody;
  readonly run: Run;
  /** Where the body ends, by what was asked for. */
  readonly bodyEnd: number;
  /** Takes what has come, in order. */
  readonly write: (offset: number, chunks: readonly Buffer[]) => Promise<void>;
}

/** Enough for the disk to be busy while the next chunks arrive; more would only be memory. */
const maxPendingBytes = 1024 * 1024;

/**
 * Resolves when everything up to the run's end, or the body's, has been written. The rest of the body is dropped, for a body that is
 * read to its own end leaves its connection reusable. The caller checks `run.next`: the body may have ended before. Rejects with the
 * error of the body or of the write.
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
 * Frees a chunk that came as memory of its own, as a socket's do. Memory outside the heap is much for the kernel and little for V8's
 * young generation. The collector would look at the whole heap for each 64 MB of a fill.
 */
function free({ buffer, byteLength }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
