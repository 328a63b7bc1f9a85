// Side reads serve readers of a fill whose bytes are not in the spool. These readers are behind the window, far ahead of it, or
// need only a small range. A side read is a ranged GET of limited size, and its bytes are never spooled. Readers at the same
// offset share one side read.
import { CacheError } from '@cistern/errors';
import { type SharedReader, type SourceReader, createBufferPool, createSharedReads } from '@cistern/streams';
import type { BlobRequestOptions, UpstreamBlobBody } from '@cistern/upstream';

export interface SideReadsOptions {
  readonly size: number;
  readonly segmentBytes: number;
  readonly get: (range: BlobRequestOptions) => Promise<UpstreamBlobBody>;
  /** A body that was requested before, for the range of the first reader. */
  readonly first: { readonly body: UpstreamBlobBody; readonly endExclusive: number } | undefined;
  /** Bytes that earlier fills of the blob have requested. */
  readonly requestedBefore: number;
  /** Called with the number of bytes received from upstream. */
  readonly onBytes: (bytes: number) => void;
  /**
   * Called when upstream refused a GET or broke it off. Returns true if the reader can wait until the fill has its bytes. If it
   * returns false, the reader rejects with the error.
   */
  readonly onFailed: (error: unknown) => boolean;
}

/** The most segments that one GET fetches. */
const mostSegments = 4;
const poolBytes = 16 * 1024 * 1024;
const unusedMs = 2_000;

export function createSideReads(options: SideReadsOptions) {
  const { size, segmentBytes, get, first, requestedBefore, onBytes, onFailed } = options;
  const mostBytes = mostSegments * segmentBytes;
  const ending = new AbortController();
  const reads = createSharedReads({ pool: createBufferPool(poolBytes), onCastOut() {} });
  const open = new Set<SourceReader>();
  let prepared = first;
  let requestedBytes = requestedBefore;
  const dropPrepared = () => {
    prepared?.body.close();
    prepared = undefined;
  };
  const unused = setTimeout(dropPrepared, unusedMs);

  const takePrepared = (from: number, endExclusive: number) => {
    const taken = prepared;
    if (taken?.body.start !== from || taken.endExclusive < endExclusive) return undefined;
    prepared = undefined;
    clearTimeout(unused);
    return taken;
  };

  const source = {
    size,
    async open(from: number, toExclusive: number, signal: AbortSignal): Promise<SourceReader> {
      const endExclusive = Math.min(toExclusive, from + mostBytes);
      const taken = takePrepared(from, endExclusive);
      const requested = (taken?.endExclusive ?? endExclusive) - from;
      const onUnread = (unread: number) => {
        requestedBytes -= unread;
      };
      requestedBytes += requested;
      try {
        const request = () =>
          get({ from, toExclusive: endExclusive, signal: AbortSignal.any([signal, ending.signal]) });
        return readBody(taken?.body ?? (await request()), { bytes: endExclusive - from, requested, onBytes, onUnread });
      } catch (error) {
        onUnread(requested);
        throw error;
      }
    },
  };

  const next = async (reader: SharedReader) => {
    try {
      return await reader.next();
    } catch (error) {
      if (ending.signal.aborted || !onFailed(error)) throw error;
      return undefined;
    }
  };

  return {
    /** Number of bytes requested from upstream so far, without those that were not read because the GET was closed early. */
    get requestedBytes(): number {
      return requestedBytes;
    },
    /** Returns the furthest offset at which one side read that begins at `from` can end. */
    endOf: (from: number, toExclusive: number): number => Math.min(toExclusive, from + mostBytes),
    /** The caller closes the returned reader. `read` rejects as `get` does, or returns 0 early if `onFailed` returned true. */
    open(from: number, toExclusive: number): SourceReader {
      const reader = reads.attach('side', source, from, toExclusive);
      let chunk: Uint8Array = new Uint8Array(0);
      const side: SourceReader = {
        async read(into) {
          if (chunk.length === 0) chunk = (await next(reader)) ?? new Uint8Array(0);
          const length = Math.min(chunk.length, into.length);
          into.set(chunk.subarray(0, length));
          chunk = chunk.subarray(length);
          return length;
        },
        async close() {
          open.delete(side);
          reader.close();
        },
      };
      open.add(side);
      return side;
    },
    get count(): number {
      return open.size;
    },
    /** Ends all side reads with `reason`. Called when the fill has failed or moved. */
    end: (reason: unknown): void => ending.abort(reason),
    async close(): Promise<void> {
      clearTimeout(unused);
      dropPrepared();
      await Promise.all([...open].map(async (side) => side.close()));
    },
  };
}

interface BodyOptions extends Pick<SideReadsOptions, 'onBytes'> {
  /** The number of bytes to return. */
  readonly bytes: number;
  /** The number of bytes in the body. Larger than `bytes` if it was requested before, for a longer range. */
  readonly requested: number;
  /** Called at the end with the number of bytes that did not arrive. */
  readonly onUnread: (bytes: number) => void;
}

function readBody(opened: UpstreamBlobBody, { bytes, requested, onBytes, onUnread }: BodyOptions): SourceReader {
  const chunks = opened.body[Symbol.asyncIterator]();
  let chunk: Uint8Array = new Uint8Array(0);
  let left = bytes;
  let unread = requested;
  return {
    async read(into) {
      if (left === 0) return 0;
      if (chunk.length === 0) {
        const { value, done } = await chunks.next();
        if (done === true)
          throw new CacheError('content-mismatch', 'Upstream sent fewer bytes than the range has.', {
            retryable: true,
          });
        chunk = value;
        onBytes(chunk.length);
        unread -= chunk.length;
      }
      const length = Math.min(chunk.length, into.length, left);
      into.set(chunk.subarray(0, length));
      chunk = chunk.subarray(length);
      left -= length;
      return length;
    },
    async close() {
      onUnread(unread);
      unread = 0;
      left = 0;
      opened.close();
      await chunks.return?.();
    },
  };
}
