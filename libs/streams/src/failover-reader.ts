// A reader that survives the loss of its source. When a source is interrupted, the reader continues at another source from its
// position.
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError, isCacheError } from '@cistern/errors';
import type { CrcTable } from '@cistern/oci';
import { SourceInterrupted, type SourceReader } from './byte-source.ts';

/** The interruptions before the current source. */
export interface Interruptions {
  /** Number of interruptions since the last byte was read. */
  readonly inARow: number;
  /** True if the last interruption reported that the whole blob is in the store. */
  readonly isStored: boolean;
}

export interface FailoverReaderOptions {
  readonly from: number;
  /**
   * Opens the source from which the reader continues at `position`. Rejects if there is no source. `signal` is aborted when the
   * reader is closed.
   */
  readonly openAt: (position: number, before: Interruptions, signal: AbortSignal) => Promise<SourceReader>;
  /** Ends only the wait for the first source. */
  readonly signal: AbortSignal;
  /** Called when the reader is closed, or could not be opened. */
  readonly onClose?: () => void;
}

/** Resolves when the first source is open. */
export async function openFailoverReader(options: FailoverReaderOptions): Promise<SourceReader> {
  const { from, openAt, signal } = options;
  const closing = new AbortController();
  const onAbort = () => closing.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return new FailoverReader(options, closing, await openAt(from, { inARow: 0, isStored: false }, closing.signal));
  } catch (error) {
    options.onClose?.();
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

const maxInterruptions = 8;
const pauseMs = 100;
/**
 * A reader in the middle of a blob waits this long for a new source. It is longer than a restart or failover of Redis takes, and
 * longer than a store is usually unavailable.
 */
const patienceMs = 30_000;
const patientPauseMs = 1_000;

/** Its functions are own properties, because callers copy them into other readers with the spread syntax. */
class FailoverReader implements SourceReader {
  readonly #options: FailoverReaderOptions;
  readonly #closing: AbortController;
  #source: SourceReader | undefined;
  /** The result of the first call of `table`. It is kept, because many clients share this reader and each needs the table. */
  #table: Promise<CrcTable | undefined> | undefined;
  #position: number;
  #interruptions = 0;
  #isStored = false;
  #closed: Promise<void> | undefined;

  constructor(options: FailoverReaderOptions, closing: AbortController, source: SourceReader) {
    this.#options = options;
    this.#closing = closing;
    this.#source = source;
    this.#position = options.from;
  }

  readonly read = async (into: Uint8Array): Promise<number> => {
    for (;;) {
      this.#checkOpen();
      this.#source ??= await this.#openNext();
      const source = this.#source;
      // The reader was closed while the source was being opened, so nothing else closes the source.
      if (this.#closed !== undefined) await source.close();
      this.#checkOpen();
      try {
        const length = await source.read(into);
        this.#position += length;
        if (length > 0) this.#interruptions = 0;
        return length;
      } catch (error) {
        this.#checkOpen();
        if (!(error instanceof SourceInterrupted)) throw error;
        await this.#leave(source, error);
      }
    }
  };

  readonly close = (): Promise<void> => {
    this.#closed ??= (async () => {
      this.#options.onClose?.();
      this.#closing.abort(new Error('the reader was closed'));
      await this.#source?.close();
    })();
    return this.#closed;
  };

  get isUnverified(): boolean {
    return this.#source?.isUnverified === true;
  }

  get crc(): number | undefined {
    return this.#source?.crc;
  }

  readonly table = (): Promise<CrcTable | undefined> => {
    this.#table ??= this.#findTable();
    return this.#table;
  };

  #checkOpen(): void {
    if (this.#closed !== undefined) throw new Error('the reader was closed');
  }

  /**
   * If the source was lost after its last byte, reads that byte again from another source, and then gets the table of that
   * source.
   */
  async #findTable(): Promise<CrcTable | undefined> {
    const last = Buffer.alloc(1);
    for (let tries = 1; ; tries += 1) {
      const source = this.#source;
      try {
        if (source !== undefined) return await source.table?.();
      } catch (error) {
        if (!(error instanceof SourceInterrupted)) throw error;
        await this.#leave(source!, error);
      }
      this.#position -= 1;
      await this.read(last);
      // The byte was already read before, so the interruptions count as consecutive.
      this.#interruptions = tries;
    }
  }

  async #leave(source: SourceReader, error: SourceInterrupted): Promise<void> {
    this.#interruptions += 1;
    this.#isStored = error.isStored;
    this.#source = undefined;
    await source.close().catch(() => {});
    if (this.#interruptions >= maxInterruptions)
      throw new CacheError(
        'store-unavailable',
        `Reading the blob was interrupted ${maxInterruptions} times without a new byte, so no further source is tried.`,
        {
          cause: error,
          retryable: true,
        },
      );
    if (this.#interruptions > 1) await pause(pauseMs * this.#interruptions, this.#closing.signal);
  }

  async #openNext(): Promise<SourceReader> {
    const { openAt, from } = this.#options;
    const { signal } = this.#closing;
    const sinceMs = performance.now();
    for (;;) {
      try {
        return await openAt(this.#position, { inARow: this.#interruptions, isStored: this.#isStored }, signal);
      } catch (error) {
        const isHalfway = this.#position > from;
        if (!mayWait(error, isHalfway, performance.now() - sinceMs) || signal.aborted) throw error;
        await pause(patientPauseMs, signal);
      }
    }
  }
}

/**
 * Returns whether the reader should retry after `error`. Only a reader in the middle of a blob retries, because its client
 * already has a part of the body.
 */
export function mayWait(error: unknown, isHalfway: boolean, waitedMs: number): boolean {
  if (!isHalfway || waitedMs >= patienceMs) return false;
  return isCacheError(error, 'index-unavailable', 'store-unavailable', 'overloaded');
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal }).catch(() => {});
}
