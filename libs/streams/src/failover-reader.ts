// A reader that outlives the places its bytes come from: when one is interrupted, it goes on at the next from where it was.
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { CacheError, isCacheError } from '@cistern/errors';
import { type DeliveredBytes, SourceInterrupted, type SourceReader, type Verification } from './byte-source.ts';

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

/** Resolves when the first place has been opened. */
export async function openFailoverReader(options: FailoverReaderOptions): Promise<SourceReader> {
  const { from, openAt, signal } = options;
  const closing = new AbortController();
  const onAbort = () => closing.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return new FailoverReader(options, closing, await openAt(from, 0, closing.signal));
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const maxInterruptions = 8;
const pauseMs = 100;
/** Longer than it takes Redis to start again or to fail over, or a store to get over what made it silent. */
const patienceMs = 30_000;
const patientPauseMs = 1_000;

/** Its functions are its own properties: a reader is passed on by spreading it. */
class FailoverReader implements SourceReader {
  readonly #options: FailoverReaderOptions;
  readonly #closing: AbortController;
  /** Of places that were interrupted after they had given something. */
  readonly #earlier: PlaceReader[] = [];
  /** Many clients share this reader, and each of them wants the verification, which may read all of it again. */
  readonly #proofs = new Map<string, Promise<boolean>>();
  #place: PlaceReader | undefined;
  #position: number;
  #interruptions = 0;
  #closed: Promise<void> | undefined;

  constructor(options: FailoverReaderOptions, closing: AbortController, place: PlaceReader) {
    this.#options = options;
    this.#closing = closing;
    this.#place = place;
    this.#position = options.from;
  }

  readonly read = async (into: Uint8Array): Promise<number> => {
    for (;;) {
      this.#checkOpen();
      this.#place ??= await this.#openNext();
      const place = this.#place;
      // Closed while it was being opened: no other closes it.
      if (this.#closed !== undefined) await place.close();
      this.#checkOpen();
      try {
        const length = await place.read(into);
        this.#position += length;
        if (length > 0) this.#interruptions = 0;
        return length;
      } catch (error) {
        this.#checkOpen();
        if (!(error instanceof SourceInterrupted)) throw error;
        await this.#leave(place, error);
      }
    }
  };

  readonly close = (): Promise<void> => {
    this.#closed ??= (async () => {
      this.#closing.abort(new Error('the reader was closed'));
      await this.#place?.close();
    })();
    return this.#closed;
  };

  readonly verification: Verification = async (needed) => {
    let state: 'proven' | 'open' = 'proven';
    for (const given of this.#place === undefined ? this.#earlier : [...this.#earlier, this.#place]) {
      let known = (await given.verification?.(needed)) ?? 'proven';
      const { delivered } = given;
      if (known === 'open' && needed === 'proven' && delivered !== undefined)
        known = (await this.#proveOnce(delivered)) ? 'proven' : 'lost';
      if (known === 'lost') return 'lost';
      if (known === 'open') state = 'open';
    }
    return state;
  };

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new Error('the reader was closed');
  }

  async #leave(place: PlaceReader, error: SourceInterrupted): Promise<void> {
    this.#interruptions += 1;
    if (place.delivered === undefined || place.delivered.endExclusive > place.delivered.from) this.#earlier.push(place);
    this.#place = undefined;
    await place.close().catch(() => {});
    if (this.#interruptions >= maxInterruptions)
      throw new CacheError('store-unavailable', 'What has the bytes breaks off again and again.', {
        cause: error,
        retryable: true,
      });
    if (this.#interruptions > 1) await pause(pauseMs * this.#interruptions, this.#closing.signal);
  }

  async #openNext(): Promise<PlaceReader> {
    const { openAt, from } = this.#options;
    const { signal } = this.#closing;
    const sinceMs = performance.now();
    for (;;) {
      try {
        return await openAt(this.#position, this.#interruptions, signal);
      } catch (error) {
        const isHalfway = this.#position > from;
        if (!mayWait(error, isHalfway, performance.now() - sinceMs) || signal.aborted) throw error;
        await pause(patientPauseMs, signal);
      }
    }
  }

  async #proveOnce(delivered: DeliveredBytes): Promise<boolean> {
    const key = `${delivered.from} ${delivered.endExclusive} ${delivered.checksum}`;
    const proving = this.#proofs.get(key) ?? this.#options.prove(delivered);
    this.#proofs.set(key, proving);
    let isProven = false;
    try {
      isProven = await proving;
    } finally {
      // Perhaps it could not be found out, this time.
      if (!isProven) this.#proofs.delete(key);
    }
    return isProven;
  }
}

/** A reader that is halfway through has more patience with index, store and workers than one that has got nothing. */
export function mayWait(error: unknown, isHalfway: boolean, waitedMs: number): boolean {
  if (!isHalfway || waitedMs >= patienceMs) return false;
  return isCacheError(error, 'index-unavailable', 'store-unavailable', 'overloaded');
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal }).catch(() => {});
}

/**
 * A follower's stream of a fill that others may have to go on with. Its worker may be killed before it has verified what it
 * gave, so the reader keeps a checksum of it, by which the bytes that are verified later are known to be the same. `size` is
 * that of the whole blob. For verified ranges: no reader waits for a proof of others.
 */
export function openChecksummedReader(
  inner: SourceReader,
  { from, toExclusive }: { readonly from: number; readonly toExclusive: number },
  size: number,
): PlaceReader {
  let endExclusive = from;
  let checksum = 0;
  let isWrong = false;
  return {
    async read(into) {
      try {
        const length = await inner.read(into);
        checksum = crc32(into.subarray(0, length), checksum);
        endExclusive += length;
        return length;
      } catch (error) {
        isWrong ||= isCacheError(error, 'content-mismatch');
        throw error;
      }
    },
    close: () => inner.close(),
    get delivered() {
      return { from, endExclusive, checksum };
    },
    async verification(needed) {
      if (isWrong) return 'lost';
      // A fill gives its last byte only once it has verified the whole.
      if (toExclusive === size && endExclusive === size) return 'proven';
      return (await inner.verification?.(needed)) ?? 'open';
    },
  };
}

const readBytes = 1024 * 1024;

/**
 * CRC-32 of everything that `reader` gives, which is closed then. A cheap witness of bytes that were passed on before they could
 * be verified: enough to tell later whether the bytes that were verified are the same ones. It is no digest: a client that is
 * deceived by it still has its own check.
 */
export async function checksumOf(reader: Pick<SourceReader, 'read' | 'close'>): Promise<number> {
  const buffer = Buffer.allocUnsafe(readBytes);
  let checksum = 0;
  try {
    for (let length = await reader.read(buffer); length > 0; length = await reader.read(buffer))
      checksum = crc32(buffer.subarray(0, length), checksum);
    return checksum;
  } finally {
    await reader.close();
  }
}
