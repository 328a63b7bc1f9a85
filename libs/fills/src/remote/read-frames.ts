// Reads the frames of a response. The body is read directly into the reader's buffer, where headers and frames other than data
// are then removed (decision 0047).
import { CacheError, cacheErrorKinds, type CacheErrorKind } from '@cistern/errors';
import { SourceInterrupted, type BodyConnection } from '@cistern/streams';
import type { CrcTable } from '@cistern/oci';
import { type FailureFrame, frameTypes, headerBytes, maxControlBytes, parseTable } from './fill-frames.ts';
import { type EndKeys, type EndKind, macBytes } from './peer-keys.ts';

export type FrameReader = ReturnType<typeof createFrameReader>;

/**
 * Creates a reader that reads `body` to its end, or destroys it. `read` works as `SourceReader.read`, and returns 0 after the end
 * frame. `read` rejects with the fill's failure if the fill has failed. It rejects with `SourceInterrupted` if the connection
 * broke or was silent, or if the rest must be read elsewhere. If the end is not signed for exactly this number of bytes, the
 * connection counts as broken.
 */
export function createFrameReader(body: Pick<BodyConnection, 'read' | 'destroy'>, ends: EndKeys) {
  const header = Buffer.alloc(headerBytes);
  let headerFilled = 0;
  /** The type of the current frame. `left` is the number of its bytes that have not arrived. */
  let type: number = frameTypes.data;
  let left = 0;
  /** The payload of a frame that is not data. */
  let payload = Buffer.alloc(0);
  let receivedBytes = 0;
  let ended = false;
  let table: CrcTable | undefined;
  let failure: Error | undefined;

  const openFrame = () => {
    headerFilled = 0;
    type = header.readUInt8(0);
    left = header.readUInt32BE(1);
    if (type === frameTypes.data) return;
    if (left > maxControlBytes) throw new SourceInterrupted('the worker sent something other than frames');
    payload = Buffer.alloc(left);
    if (left === 0) closeControl();
  };

  /** Returns the part of the payload before the MAC. */
  const openSigned = (kind: EndKind): Buffer => {
    const signed = payload.subarray(0, Math.max(0, payload.length - macBytes));
    if (!ends.isRight(payload.subarray(signed.length), kind, receivedBytes, signed))
      throw new SourceInterrupted('the end of the response has a wrong signature');
    return signed;
  };

  const closeControl = () => {
    if (type === frameTypes.heartbeat) return;
    if (type === frameTypes.end) {
      table = parseTable(openSigned('end'));
      ended = true;
    } else if (type === frameTypes.stored) {
      openSigned('stored');
      throw new SourceInterrupted('the blob is in the store', { isStored: true });
    } else if (type === frameTypes.moved) throw new SourceInterrupted('another worker continues the fill');
    else if (type === frameTypes.failed) throw parseFailure(payload);
    else throw new SourceInterrupted(`the worker sent a frame of unknown type ${type}`);
  };

  const takeHeader = (bytes: Uint8Array) => {
    const part = bytes.subarray(0, headerBytes - headerFilled);
    header.set(part, headerFilled);
    headerFilled += part.length;
    if (headerFilled === headerBytes) openFrame();
    return part.length;
  };

  const takeControl = (bytes: Uint8Array) => {
    const part = bytes.subarray(0, left);
    payload.set(part, payload.length - left);
    left -= part.length;
    if (left === 0) closeControl();
    return part.length;
  };

  /**
   * Moves all data in `bytes` to the start of `bytes`, and returns the length of the data. If an invalid frame or a failure
   * follows the data, sets `failure`.
   */
  const squeeze = (bytes: Uint8Array): number => {
    let filled = 0;
    try {
      for (let at = 0; at < bytes.length && !ended;) {
        if (left === 0) at += takeHeader(bytes.subarray(at));
        else if (type !== frameTypes.data) at += takeControl(bytes.subarray(at));
        else {
          const length = Math.min(left, bytes.length - at);
          if (at > filled) bytes.copyWithin(filled, at, at + length);
          filled += length;
          receivedBytes += length;
          left -= length;
          at += length;
        }
      }
    } catch (error) {
      failure ??= error as Error;
    }
    return filled;
  };

  const readMore = async (into: Uint8Array) => {
    try {
      const length = await body.read(into);
      if (failure !== undefined) throw failure;
      if (length === 0) throw new SourceInterrupted('the worker closed the connection before the end frame');
      return length;
    } catch (error) {
      failure ??= error instanceof SourceInterrupted ? error : broken(error);
      throw failure;
    }
  };

  const read = async (into: Uint8Array): Promise<number> => {
    for (;;) {
      if (ended) return 0;
      if (failure !== undefined) throw failure;
      const length = await readMore(into);
      const filled = squeeze(into.subarray(0, length));
      // Data before a failure is valid, so it is returned first.
      if (filled > 0) return filled;
    }
  };

  return {
    get ended(): boolean {
      return ended;
    },
    read,
    /** Works as `SourceReader.table`, and waits for the end frame. Rejects if more data arrives before the end frame. */
    async table(): Promise<CrcTable | undefined> {
      if ((await read(Buffer.alloc(headerBytes))) > 0)
        throw new SourceInterrupted('the worker sent more than was requested');
      return table;
    },
    close(): void {
      failure ??= new SourceInterrupted('the reader was closed');
      body.destroy(failure);
    },
  };
}

function broken(cause: unknown): SourceInterrupted {
  return new SourceInterrupted('the connection to the worker broke', { cause });
}

function parseFailure(payload: Buffer): Error {
  try {
    const { kind, message, retryable, retryAfterMs } = JSON.parse(payload.toString('utf8')) as FailureFrame;
    if (!isKind(kind)) return new CacheError('store-unavailable', message, { retryable: true });
    return new CacheError(kind, message, { retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
  } catch {
    return new SourceInterrupted('the worker sent an invalid failure frame');
  }
}

function isKind(kind: string): kind is CacheErrorKind {
  return (cacheErrorKinds as readonly string[]).includes(kind);
}
