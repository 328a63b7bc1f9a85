// A source of bytes that can be read from an offset: a blob in the store, or a fill in progress.
import type { CrcTable } from '@cistern/oci';

/**
 * Sequential bytes from the offset at which it was opened. Do not call `read` concurrently. The caller closes the reader. `read`
 * rejects with `SourceInterrupted` if the rest may be available elsewhere.
 */
export interface SourceReader {
  /** Fills `into` from its start and returns the number of bytes, at least 1. Returns 0 only at the end; an early end throws. */
  read(into: Uint8Array): Promise<number>;
  /** Closes the reader. A pending `read` rejects. Idempotent. */
  close(): Promise<void>;
  /**
   * Returns the checksums of the whole blob's segments, computed from verified bytes. Call it after the last read, perhaps after
   * `close`. `undefined` means that this source does not know them. Rejects as `read` does.
   */
  readonly table?: (() => Promise<CrcTable | undefined>) | undefined;
  /**
   * Whether the bytes of the next reads have not been verified yet. A caller that forwards them to the end of the blob must
   * compare them with `table` before the last one.
   */
  readonly isUnverified?: boolean | undefined;
  /** CRC-32 of the bytes from the last `read`, if it has been computed. */
  readonly crc?: number | undefined;
}

export interface ByteSource {
  /** Size of the whole blob. */
  readonly size: number;
  /** Segment size of its table. Unset means `segmentBytesOf(size)`. */
  readonly segmentBytes?: number | undefined;
  /**
   * Opens a reader of `[from, toExclusive)`. The reader requests nothing beyond the end, so that nothing is fetched needlessly.
   * `signal` ends the wait for the reader, not the reader.
   */
  open(from: number, toExclusive: number, signal: AbortSignal): Promise<SourceReader>;
}

/**
 * The bytes no longer come from here, but may be available elsewhere. A worker is unavailable or has handed its fill over, or a
 * store has failed midway. The reader that gets this error continues from its position. The error never leaves this package.
 */
export class SourceInterrupted extends Error {
  override readonly name = 'SourceInterrupted';
  /** The store has the blob now. The reader continues there without a query of the index. */
  readonly isStored: boolean;

  constructor(message: string, { isStored = false, ...options }: ErrorOptions & { readonly isStored?: boolean } = {}) {
    super(message, options);
    this.isStored = isStored;
  }
}
