// The reading side of the frames: from a response body that may be cut anywhere to bytes in the reader's buffer.
import type { Readable } from 'node:stream';
import { CacheError, cacheErrorKinds, type CacheErrorKind } from '@cistern/errors';
import { SourceInterrupted } from '../../read/source-interrupted.ts';
import { type FailureFrame, frameTypes, headerBytes, maxFailureBytes } from './fill-frames.ts';

export interface FrameReader {
  /**
   * As `SourceReader.read`: 0 after the end frame. Rejects with the fill's own failure, or with `SourceInterrupted` when the
   * connection broke, was silent, or the worker says that somebody else goes on.
   */
  read(into: Uint8Array): Promise<number>;
  readonly ended: boolean;
  close(): void;
}

export function createFrameReader(body: Readable): FrameReader {
  const header = Buffer.alloc(headerBytes);
  let headerFilled = 0;
  let left = 0;
  let chunk: Buffer = Buffer.alloc(0);
  let ended = false;
  let failure: Error | undefined;
  let finished = false;
  let wake: (() => void) | undefined;

  const notify = () => {
    wake?.();
    wake = undefined;
  };
  body.on('readable', notify);
  body.on('end', () => {
    finished = true;
    notify();
  });
  body.on('error', (error) => {
    failure ??= new SourceInterrupted('the connection to the worker broke', { cause: error });
    notify();
  });
  body.on('close', () => {
    finished = true;
    notify();
  });

  /** True if there is at least one byte in `chunk`, without waiting. */
  const hasChunk = () => {
    if (chunk.length > 0) return true;
    const next = body.read() as Buffer | null;
    if (next === null) return false;
    chunk = next;
    return chunk.length > 0;
  };

  const waitForChunk = async () => {
    while (!hasChunk()) {
      if (failure !== undefined) throw failure;
      if (finished) throw new SourceInterrupted('the worker ended the connection before the end');
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };

  const takeInto = (into: Uint8Array, at: number, limit: number) => {
    const length = Math.min(limit, chunk.length);
    into.set(length === chunk.length ? chunk : chunk.subarray(0, length), at);
    chunk = chunk.subarray(length);
    return length;
  };

  const readControl = async (type: number, length: number) => {
    if (length > maxFailureBytes) throw new SourceInterrupted('the worker sent something else than frames');
    const payload = Buffer.alloc(length);
    for (let at = 0; at < length;) {
      await waitForChunk();
      at += takeInto(payload, at, length - at);
    }
    if (type === frameTypes.heartbeat) return;
    if (type === frameTypes.end) ended = true;
    else if (type === frameTypes.moved) throw new SourceInterrupted('somebody else goes on with the fill');
    else if (type === frameTypes.failed) throw parseFailure(payload);
    else throw new SourceInterrupted(`the worker sent a frame of unknown type ${type}`);
  };

  /** Takes what header bytes are there; true once the frame it opens is one of data with bytes to come. */
  const openFrame = async () => {
    headerFilled += takeInto(header, headerFilled, headerBytes - headerFilled);
    if (headerFilled < headerBytes) return;
    headerFilled = 0;
    const type = header.readUInt8(0);
    const length = header.readUInt32BE(1);
    if (type === frameTypes.data) left = length;
    else await readControl(type, length);
  };

  return {
    get ended() {
      return ended;
    },
    async read(into) {
      if (failure !== undefined) throw failure;
      let filled = 0;
      try {
        // What is here already is worth more than a full buffer.
        while (filled < into.length && !ended && (filled === 0 || hasChunk())) {
          await waitForChunk();
          if (left === 0) await openFrame();
          else {
            const taken = takeInto(into, filled, Math.min(left, into.length - filled));
            filled += taken;
            left -= taken;
          }
        }
      } catch (error) {
        failure ??= error as Error;
        // What came before it is good.
        if (filled === 0) throw failure;
      }
      return filled;
    },
    close() {
      failure ??= new SourceInterrupted('the reader was closed');
      body.destroy();
      notify();
    },
  };
}

function parseFailure(payload: Buffer): Error {
  try {
    const { kind, message, retryable, retryAfterMs } = JSON.parse(payload.toString('utf8')) as FailureFrame;
    if (!isKind(kind)) return new CacheError('store-unavailable', message, { retryable: true });
    return new CacheError(kind, message, { retryable, ...(retryAfterMs !== undefined && { retryAfterMs }) });
  } catch {
    return new SourceInterrupted('the worker sent a failure that cannot be read');
  }
}

function isKind(kind: string): kind is CacheErrorKind {
  return (cacheErrorKinds as readonly string[]).includes(kind);
}
