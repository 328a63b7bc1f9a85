// A body that survives the breaks of its connection: whoever reads it sees one sequence of bytes.
import { setTimeout as pause } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { type CacheError, isCacheError } from '@cistern/errors';

/** Attempts without a single new byte before giving up, and attempts over the whole body. */
const maxFruitlessResumes = 3;
const maxResumes = 50;
const firstPauseMs = 100;

export interface ResumableBodyOptions {
  readonly first: Readable;
  /** Offset of the first byte, and one past the last; `undefined`: the end is where the stream ends. */
  readonly start: number;
  readonly endExclusive: number | undefined;
  /** The body from `offset` on, checked to be the same blob's. Rejects with a CacheError. */
  readonly reopen: (
    offset: number,
  ) => Promise<{ readonly stream: Readable; readonly endExclusive: number | undefined }>;
  /** Fires when the body is wanted no more. Streams are destroyed by it. */
  readonly signal: AbortSignal;
  /** What a break means when it cannot be mended. */
  readonly describeBreak: (error: unknown, offset: number) => unknown;
  readonly contradiction: (message: string) => CacheError;
  readonly onBytes: (bytes: number) => void;
  readonly onResume: () => void;
}

/** Ends only at `endExclusive`; otherwise throws a CacheError or the signal's reason. At most one chunk is held. */
export async function* readResumably(options: ResumableBodyOptions): AsyncGenerator<Buffer, void, undefined> {
  const { start, reopen, signal, describeBreak, contradiction, onBytes, onResume } = options;
  let { first: stream, endExclusive } = options;
  let offset = start;
  let fruitless = 0;
  for (let resumes = 0; ; resumes += 1) {
    let cause: unknown = new Error('The body ended too early.');
    try {
      // Leaving this loop, by `return` on the generator too, destroys the stream.
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        if (endExclusive !== undefined && offset + chunk.length > endExclusive)
          throw contradiction(`sent more than the ${endExclusive - start} bytes it had announced`);
        offset += chunk.length;
        fruitless = 0;
        onBytes(chunk.length);
        yield chunk;
      }
      if (endExclusive === undefined || offset === endExclusive) return;
    } catch (error) {
      if (isCacheError(error)) throw error;
      cause = error;
    }
    // Nothing is missing: the connection broke after the last byte.
    if (offset === endExclusive) return;

    for (let reopened = false; !reopened; fruitless += 1) {
      signal.throwIfAborted();
      if (fruitless >= maxFruitlessResumes || resumes >= maxResumes) throw describeBreak(cause, offset);
      if (fruitless > 0) await pauseBefore(fruitless, signal);
      try {
        ({ stream, endExclusive } = await reopen(offset));
        reopened = true;
        onResume();
      } catch (error) {
        if (!isCacheError(error, 'upstream-unreachable', 'upstream-timeout') || !error.retryable) throw error;
        cause = error;
      }
    }
  }
}

async function pauseBefore(fruitless: number, signal: AbortSignal): Promise<void> {
  const longest = firstPauseMs * 2 ** fruitless;
  try {
    await pause(longest / 2 + (Math.random() * longest) / 2, undefined, { signal });
  } catch {
    signal.throwIfAborted();
  }
}
