// A source of bytes that can be read from an offset: a blob in the store, or a fill in progress.
import type { CrcTable } from '@cistern/oci';

/**
 * Reads bytes in order, from the offset at which the reader was opened. Do not call `read` concurrently. The caller closes the
 * reader. `read` rejects with `SourceInterrupted` if the rest may be available elsewhere.
 */
export interface SourceReader {
  /**
   * Writes bytes to the start of `into` and resolves to their number, which is at least 1. Resolves to 0 only at the end. Rejects
   * if the bytes end too early.
   */
  read(into: Uint8Array): Promise<number>;
  /** Closes the reader. A pending `read` rejects. Idempotent. */
  close(): Promise<void>;
  /**
   * Resolves to the checksums of all segments of the blob, computed from verified bytes. Must be called after the last read, and
   * can be called after `close`. `undefined` means that this source does not know the checksums. Rejects as `read` does.
   */
  readonly table?: (() => Promise<CrcTable | undefined>) | undefined;
  /**
   * True if the bytes of the next reads are not verified yet. A caller that forwards them up to the end of the blob must compare
   * them with `table` before it forwards the last byte.
   */
  readonly isUnverified?: boolean | undefined;
  /** CRC-32 of the bytes from the last `read`, if it has been computed. */
  readonly crc?: number | undefined;
}

export interface ByteSource {
  /** Size of the whole blob. */
  readonly size: number;
  /** The segment size of the blob's table. Unset means `segmentBytesOf(size)`. */
  readonly segmentBytes?: number | undefined;
  /**
   * Opens a reader of `[from, toExclusive)`. The source requests no bytes beyond the end, so that no bytes are fetched
   * needlessly. `signal` ends only the wait for the reader, and not a reader that is already open.
   */
  open(from: number, toExclusive: number, signal: AbortSignal): Promise<SourceReader>;
}

/**
 * The source can send no more bytes, but another source may have them. The reasons are that a worker is unavailable or has handed
 * its fill over, or that a store has failed while the blob was read. A failover reader that gets this error continues at another
 * source from its position, so callers of a failover reader never see the error.
 */
export class SourceInterrupted extends Error {
  override readonly name = 'SourceInterrupted';
  /** True if the store has the whole blob now. The reader then continues in the store without a query to the index. */
  readonly isStored: boolean;

  constructor(message: string, { isStored = false, ...options }: ErrorOptions & { readonly isStored?: boolean } = {}) {
    super(message, options);
    this.isStored = isStored;
  }
}

/** A stream behind another window reads to that window's position, or this far, so that its readers can join that window. */
const catchUpBytes = 4 * 1024 * 1024;

/** Returns the end of a stream. A stream from 0 reads everything, because unverified bytes may already be on their way. */
export function endOfStream(head: number, ahead: number, wanted: number): number {
  return head > 0 && ahead > head ? Math.min(wanted, Math.max(ahead, head + catchUpBytes)) : wanted;
}
