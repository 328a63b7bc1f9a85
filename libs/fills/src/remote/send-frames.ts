// Writes what a reader gives as frames into an answer, with heartbeats while there is nothing to give. Two buffers take
// turns: one is read into while the other is written out.
import type { ServerResponse } from 'node:http';
import { isCacheError } from '@cistern/errors';
import { type SourceReader, SourceInterrupted } from '@cistern/streams';
import {
  type FailureFrame,
  encodeFrame,
  frameTypes,
  headerBytes,
  heartbeatMs,
  writeFrameHeader,
} from './fill-frames.ts';

const chunkBytes = 128 * 1024;
/** A frontend that takes nothing for as long is taken for dead; one paced by slow clients takes something. */
const stalledMs = 5 * 60_000;

/** Closes `reader`, and ends `response` with a frame that says how it ended. Never rejects. */
export async function sendFrames(
  response: ServerResponse,
  reader: SourceReader,
  onSent: (bytes: number) => void,
): Promise<void> {
  let writtenAtMs = performance.now();
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
  const onClose = () => {
    void reader.close();
    // Node calls nobody back for what is written to a socket that is about to close.
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
    await copyFrames(reader, write, onSent);
    await write(encodeFrame(frameTypes.end));
    response.end();
  } catch (error) {
    if (response.destroyed) return;
    response.end(lastFrameOf(error));
  } finally {
    clearInterval(heartbeat);
    response.off('close', onClose);
    await reader.close().catch(() => {});
  }
}

async function copyFrames(
  reader: SourceReader,
  write: (frame: Uint8Array) => Promise<void>,
  onSent: (bytes: number) => void,
): Promise<void> {
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
    onSent(length);
  }
}

function lastFrameOf(error: unknown): Buffer {
  if (error instanceof SourceInterrupted) return encodeFrame(frameTypes.moved);
  const failure: FailureFrame = isCacheError(error)
    ? {
        kind: error.kind,
        message: error.message,
        retryable: error.retryable,
        retryAfterMs: error.retryAfterMs,
      }
    : {
        kind: 'store-unavailable',
        message: 'The worker could not read the fill; its log says why.',
        retryable: true,
      };
  return encodeFrame(frameTypes.failed, Buffer.from(JSON.stringify(failure)));
}
