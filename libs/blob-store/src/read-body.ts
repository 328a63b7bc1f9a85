// How every store reads the bodies it is given: once for each try, exactly their length, and ended whatever happens.
import { untilAborted } from '@cistern/runtime';
import type { BlobBody } from './blob-store.ts';

/** A body failed, not the store. The cause is for the caller. */
export class BodyFailure extends Error {
  override readonly name = 'BodyFailure';
}

/**
 * The bytes of `body`. The last ones come only when it has ended where it said: a store that has them all has the right number.
 * Throws `BodyFailure`, and the reason of `signal`.
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
    // One that waits for its bytes ends when it has got them.
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
  return new RangeError(`the body has ${left > 0 ? `${length - left}` : 'more'} bytes, not the ${length} that it says`);
}

/** Settles as `work`; a `BodyFailure` as the error that the body failed with. */
export async function orBodyError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof BodyFailure ? error.cause : error;
  }
}
