// A reader that outlives the places its bytes come from: when one is interrupted, it goes on at the next from where it was.
import { CacheError, isCacheError } from '@cistern/errors';
import type { Verification, SourceReader, DeliveredBytes } from './byte-source.ts';
import { SourceInterrupted } from './source-interrupted.ts';

/** A place that bytes come from. */
export interface PlaceReader extends SourceReader {
  /** Of what it has given unverified; see `prove`. */
  readonly delivered?: DeliveredBytes | undefined;
}

export interface FailoverReaderOptions {
  readonly from: number;
  /**
   * Opens the place to go on at. `interruptions`: how many in a row have given nothing. Rejects when there is no such place;
   * `signal` is aborted when the reader is closed.
   */
  readonly openAt: (position: number, interruptions: number, signal: AbortSignal) => Promise<PlaceReader>;
  /** Whether bytes that were given are the same as those that have been verified since. */
  readonly prove: (delivered: DeliveredBytes) => Promise<boolean>;
  /** Ends the wait for the first place. */
  readonly signal: AbortSignal;
}

const maxInterruptions = 8;
const pauseMs = 100;
/** Longer than it takes Redis to start again or to fail over, or a store to get over what made it silent. */
const patienceMs = 30_000;
const patientPauseMs = 1_000;

/** Resolves when the first place has been opened. */
export async function openFailoverReader(options: FailoverReaderOptions): Promise<SourceReader> {
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
    if (left.delivered === undefined || left.delivered.endExclusive > left.delivered.from) earlier.push(left);
    place = undefined;
    await left.close().catch(() => {});
    if (interruptions >= maxInterruptions)
      throw new CacheError('store-unavailable', 'What has the bytes breaks off again and again.', {
        cause: error,
        retryable: true,
      });
    if (interruptions > 1) await pause(pauseMs * interruptions, closing.signal);
  };

  /** One who is halfway through has more patience with index and store than one who has got nothing. */
  const openNext = async () => {
    const since = performance.now();
    for (;;) {
      try {
        return await openAt(position, interruptions, closing.signal);
      } catch (error) {
        const mayWait = position > from && isAway(error) && performance.now() - since < patienceMs;
        if (!mayWait || closing.signal.aborted) throw error;
        await pause(patientPauseMs, closing.signal);
      }
    }
  };

  /** Many clients share this reader, and each of them wants the verification, which may read all of it again. */
  const proofs = new Map<string, Promise<boolean>>();
  const proveOnce = async (delivered: DeliveredBytes) => {
    const key = `${delivered.from} ${delivered.endExclusive} ${delivered.checksum}`;
    const proving = proofs.get(key) ?? prove(delivered);
    proofs.set(key, proving);
    let isProven = false;
    try {
      isProven = await proving;
    } finally {
      // Perhaps nobody could tell, this time.
      if (!isProven) proofs.delete(key);
    }
    return isProven;
  };

  const verification: Verification = async (needed) => {
    let state: 'proven' | 'open' = 'proven';
    for (const given of place === undefined ? earlier : [...earlier, place]) {
      let known = (await given.verification?.(needed)) ?? 'proven';
      const { delivered } = given;
      if (known === 'open' && needed === 'proven' && delivered !== undefined)
        known = (await proveOnce(delivered)) ? 'proven' : 'lost';
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
    verification,
  };
}

function isAway(error: unknown): boolean {
  return isCacheError(error, 'index-unavailable') || isCacheError(error, 'store-unavailable');
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
