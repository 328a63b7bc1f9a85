// Anything that can be read from an offset: a blob in the store, or a fill in flight.
import type { CrcTable } from '@cistern/oci';

/**
 * Sequential bytes from the offset it was opened at. Not for concurrent `read`s. The opener closes it. `read` rejects with
 * `SourceInterrupted` where the rest may be had elsewhere.
 */
export interface SourceReader {
  /** Fills `into` from its start and returns how many bytes (at least 1), or 0 at the end. Never 0 early: it throws. */
  read(into: Uint8Array): Promise<number>;
  /** Idempotent; a pending `read` rejects. */
  close(): Promise<void>;
  /**
   * The checksums of the whole blob's segments, by bytes that were verified. It is called once all has been read, and perhaps after
   * `close`. `undefined`: it is not known here. Rejects as `read`.
   */
  readonly table?: (() => Promise<CrcTable | undefined>) | undefined;
  /**
   * Whether the bytes that come now have not been verified yet. Who passes them on to the end of the blob compares them with `table`
   * before the last one.
   */
  readonly isUnproven?: boolean | undefined;
  /** CRC-32 of what the last `read` gave, where it has been computed. */
  readonly crc?: number | undefined;
}

export interface ByteSource {
  /** Bytes of the whole. */
  readonly size: number;
  /** Its table has segments of so many bytes. Default: `segmentBytesOf(size)`. */
  readonly segmentBytes?: number | undefined;
  /**
   * Reads `[from, toExclusive)`; the end is a promise not to ask for more, so that nothing is fetched for nothing. `signal`
   * ends the wait for the reader, not the reader.
   */
  open(from: number, toExclusive: number, signal: AbortSignal): Promise<SourceReader>;
}

/**
 * The bytes do not come from here any more, but may be had elsewhere: a worker is gone or has handed its fill over, a store
 * has failed midway. The reader that gets it goes on from where it was; it never leaves this package.
 */
export class SourceInterrupted extends Error {
  override readonly name = 'SourceInterrupted';
  /** The store has the blob by now. The reader goes on there without a look into the index. */
  readonly isStored: boolean;

  constructor(message: string, { isStored = false, ...options }: ErrorOptions & { readonly isStored?: boolean } = {}) {
    super(message, options);
    this.isStored = isStored;
  }
}
