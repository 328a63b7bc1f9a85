// Sends a fill's bytes as frames. It alternates between two buffers, so that one is filled while the other is written to the
// socket.
import type { ServerResponse } from 'node:http';
import { isCacheError } from '@cistern/errors';
import { SourceInterrupted, type SourceReader } from '@cistern/streams';
import {
  encodeFrame,
  encodeTable,
  type FailureFrame,
  frameTypes,
  headerBytes,
  heartbeatMs,
  writeFrameHeader,
} from './fill-frames.ts';
import type { EndKeys } from './peer-keys.ts';

const chunkBytes = 128 * 1024;
/**
 * A frontend that reads nothing for this long counts as dead, because even a frontend with slow clients reads a few bytes in this
 * time.
 */
const stalledMs = 5 * 60_000;

export interface SendFramesOptions {
  /** Signs the end of the response. */
  readonly ends: EndKeys;
  /** Called with the number of bytes sent to followers. */
  readonly onSent: (bytes: number) => void;
}

/**
 * Writes the bytes of `reader` as frames to `response`, and heartbeats while no bytes arrive. At the end it sends a frame with
 * the outcome, ends `response`, and closes `reader`. Never rejects.
 */
export async function sendFrames(
  response: ServerResponse,
  reader: SourceReader,
  { ends, onSent }: SendFramesOptions,
): Promise<void> {
  let writtenAtMs = performance.now();
  let sentBytes = 0;
  const writing = new Set<(error: Error) => void>();
  const write = (frame: Uint8Array) => {
    writtenAtMs = performance.now();
    return new Promise<void>((resolve, reject) => {
      writing.add(reject);
      response.write(frame, (error) => {
        writing.delete(reject);
        if (error) reject(error);
        else resolve();
      });
    });
  };
  const writeData = (frame: Uint8Array) => {
    const bytes = frame.length - headerBytes;
    sentBytes += bytes;
    onSent(bytes);
    return write(frame);
  };
  const onClose = () => {
    void reader.close();
    // If the socket is closing, Node does not call the callbacks of running writes, so their promises are rejected here.
    for (const reject of writing) reject(new Error('the connection has closed'));
  };
  const heartbeat = setInterval(() => {
    if (performance.now() - writtenAtMs >= heartbeatMs && !response.writableNeedDrain)
      write(encodeFrame(frameTypes.heartbeat)).catch(onClose);
  }, heartbeatMs / 2);
  response.once('close', onClose);
  response.setTimeout(stalledMs, () => response.destroy());
  response.flushHeaders();
  try {
    await copyFrames(reader, writeData);
    const table = encodeTable(await reader.table?.());
    await write(encodeFrame(frameTypes.end, table, ends.sign('end', sentBytes, table)));
    response.end();
  } catch (error) {
    if (response.destroyed) return;
    response.end(lastFrameOf(error, sentBytes, ends));
  } finally {
    clearInterval(heartbeat);
    response.off('close', onClose);
    await reader.close().catch(() => {});
  }
}

async function copyFrames(reader: SourceReader, write: (frame: Uint8Array) => Promise<void>): Promise<void> {
  const buffers = [Buffer.allocUnsafe(headerBytes + chunkBytes), Buffer.allocUnsafe(headerBytes + chunkBytes)];
  let writing: Promise<void> = Promise.resolve();
  for (let turn = 0; ; turn = 1 - turn) {
    const buffer = buffers[turn]!;
    const length = await reader.read(buffer.subarray(headerBytes));
    await writing;
    if (length === 0) return;
    writeFrameHeader(buffer, frameTypes.data, length);
    writing = write(buffer.subarray(0, headerBytes + length));
    writing.catch(() => {});
  }
}

function lastFrameOf(error: unknown, sentBytes: number, ends: EndKeys): Buffer {
  if (error instanceof SourceInterrupted)
    return error.isStored
      ? encodeFrame(frameTypes.stored, ends.sign('stored', sentBytes, new Uint8Array(0)))
      : encodeFrame(frameTypes.moved);
  const failure: FailureFrame = isCacheError(error)
    ? {
        kind: error.kind,
        message: error.message,
        retryable: error.retryable,
        retryAfterMs: error.retryAfterMs,
      }
    : {
        kind: 'store-unavailable',
        message: 'The worker failed to read the fill. See its log for the reason.',
        retryable: true,
      };
  return encodeFrame(frameTypes.failed, Buffer.from(JSON.stringify(failure)));
}
