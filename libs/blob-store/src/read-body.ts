// Reads the bodies that callers pass to a store. Checks their declared length, and always ends their streams.
import { untilAborted } from '@cistern/runtime';
import type { BlobBody } from './blob-store.ts';

/** Reports that a body failed, and not the store. `cause` is the body's own error, for the caller. */
export class BodyFailure extends Error {
  override readonly name = 'BodyFailure';
}

/**
 * Yields the bytes of `body`. Yields the last chunk only after the body has ended at its declared length. A store that
 * receives the last chunk therefore has the right number of bytes. Throws `BodyFailure` if the body fails or has a
 * wrong length, and the reason of `signal`.
 */
export async function* readBody(body: BlobBody, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const chunks = body.open()[Symbol.asyncIterator]();
  let left = body.length;
  let last: Uint8Array | undefined;
  try {
    for (;;) {
      const { done, value } = await untilAborted(nextOf(chunks), signal);
      if (done === true) break;
      if (value.byteLength === 0) continue;
      left -= value.byteLength;
      if (left < 0) break;
      if (left === 0) last = value;
      else yield value;
    }
    if (left !== 0) throw new BodyFailure('wrong length', { cause: wrongLength(body.length, left) });
    if (last !== undefined) yield last;
  } finally {
    const ended = chunks.return?.();
    // If the body is waiting for bytes, `return` settles only after they arrive, so an aborted caller does not wait for
    // it.
    if (signal?.aborted === true) ended?.catch(() => {});
    else await ended;
  }
}

async function nextOf(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
  try {
    return await chunks.next();
  } catch (cause) {
    throw new BodyFailure('the body failed', { cause });
  }
}

function wrongLength(length: number, left: number): RangeError {
  return new RangeError(`the body has ${left > 0 ? `${length - left}` : 'more'} bytes, not the declared ${length}`);
}

/** Settles like `work`, but rejects with the original error of the body instead of `BodyFailure`. */
export async function orBodyError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof BodyFailure ? error.cause : error;
  }
}
