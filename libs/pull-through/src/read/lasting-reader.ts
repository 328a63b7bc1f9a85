// A reader that outlives the places its bytes come from: when one is interrupted, it goes on at the next from where it was.
import { CacheError, isCacheError } from '@cistern/errors';
import type { Proof, SourceReader, Witness } from './byte-source.ts';
import { SourceInterrupted } from './source-interrupted.ts';

/** A place that bytes come from. */
export interface PlaceReader extends SourceReader {
  /** Of what it has given unverified; see `prove`. */
  readonly witness?: Witness | undefined;
}

export interface LastingReaderOptions {
  readonly from: number;
  /**
   * Opens the place to go on at. `interruptions`: how many in a row have given nothing. Rejects when there is no such place;
   * `signal` is aborted when the reader is closed.
   */
  readonly openAt: (position: number, interruptions: number, signal: AbortSignal) => Promise<PlaceReader>;
  /** Whether bytes that were given are the same as those that have been verified since. */
  readonly prove: (witness: Witness) => Promise<boolean>;
  /** Ends the wait for the first place. */
  readonly signal: AbortSignal;
}

const maxInterruptions = 8;
const pauseMs = 100;
/** About half a minute: longer than it takes Redis to start again or to fail over. */
const maxIndexFailures = 30;
const indexPauseMs = 1_000;

/** Resolves when the first place has been opened. */
export async function openLastingReader(options: LastingReaderOptions): Promise<SourceReader> {
  const { from, openAt, prove, signal } = options;
  const closing = new AbortController();
  const onAbort = () => closing.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  let position = from;
  let interruptions = 0;
  /** Of places that were interrupted after they had given something. */
  const earlier: PlaceReader[] = [];
  let place: PlaceReader | undefined;
  try {
    signal.throwIfAborted();
    place = await openAt(position, 0, closing.signal);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  let closed: Promise<void> | undefined;

  const checkOpen = () => {
    if (closed !== undefined) throw new Error('the reader was closed');
  };

  const leavePlace = async (left: PlaceReader, error: SourceInterrupted) => {
    interruptions += 1;
    if (left.witness === undefined || left.witness.endExclusive > left.witness.from) earlier.push(left);
    place = undefined;
    await left.close().catch(() => {});
    if (interruptions >= maxInterruptions)
      throw new CacheError('store-unavailable', 'What has the bytes breaks off again and again.', {
        cause: error,
        retryable: true,
      });
    if (interruptions > 1) await pause(pauseMs * interruptions, closing.signal);
  };

  /** One who is halfway through has more patience with an index that does not answer than one who has got nothing. */
  const openNext = async () => {
    for (let failures = 0; ; failures += 1) {
      try {
        return await openAt(position, interruptions, closing.signal);
      } catch (error) {
        const mayWait = position > from && failures < maxIndexFailures && isCacheError(error, 'index-unavailable');
        if (!mayWait || closing.signal.aborted) throw error;
        await pause(indexPauseMs, closing.signal);
      }
    }
  };

  const proof: Proof = async (needed) => {
    let state: 'proven' | 'open' = 'proven';
    for (const given of place === undefined ? earlier : [...earlier, place]) {
      let known = (await given.proof?.(needed)) ?? 'proven';
      const { witness } = given;
      if (known === 'open' && needed === 'proven' && witness !== undefined)
        known = (await prove(witness)) ? 'proven' : 'lost';
      if (known === 'lost') return 'lost';
      if (known === 'open') state = 'open';
    }
    return state;
  };

  return {
    async read(into) {
      for (;;) {
        checkOpen();
        place ??= await openNext();
        // Closed while it was being opened: there is nobody else to close it.
        if (closed !== undefined) await place.close();
        checkOpen();
        try {
          const length = await place.read(into);
          position += length;
          if (length > 0) interruptions = 0;
          return length;
        } catch (error) {
          checkOpen();
          if (!(error instanceof SourceInterrupted)) throw error;
          await leavePlace(place, error);
        }
      }
    },
    close() {
      closed ??= (async () => {
        closing.abort(new Error('the reader was closed'));
        await place?.close();
      })();
      return closed;
    },
    proof,
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
  });
}
