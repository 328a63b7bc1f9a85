// A worker's side of the fill protocol: what its fills hold, to those who know the cluster's secret.
//   GET /v1/fills/<id>?from=N&to=M&verified=1   frames of [N, M) as they come; verified: the blob's end only once it is
//   GET /v1/fills/<id>/present?from=N           frames of what is here of N and behind it, whose end the header tells
//   GET /v1/fills/<id>/checksum?from=N&to=M     CRC-32 of [N, M) of a verified fill, as JSON
// 404 where the fill is not, or not any more: its record says what has become of it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { isCacheError } from '@cistern/errors';
import { SourceInterrupted, type SourceReader } from '@cistern/streams';
import type { Fill } from '../fill/fill.ts';
import {
  encodeFrame,
  type FailureFrame,
  fillAuthorization,
  frameTypes,
  headerBytes,
  heartbeatMs,
  presentEndHeader,
  protocolPath,
  writeFrameHeader,
} from './fill-frames.ts';
import { isSameSecret } from '@cistern/runtime';

interface AnswerFillOptions {
  readonly fills: { get(fillId: string): Fill | undefined };
  readonly clusterSecret: string;
  /** Called with the bytes that leave for followers. */
  readonly onSent: (bytes: number) => void;
}

/** For the worker's HTTP server; answers every request, and ends with the connection. */
export type AnswerFill = (request: IncomingMessage, response: ServerResponse) => void;

export function createAnswerFill({ fills, clusterSecret, onSent }: AnswerFillOptions): AnswerFill {
  const expected = fillAuthorization(clusterSecret);

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    if (!isSameSecret(request.headers.authorization, expected))
      return refuse(response, 401, 'Only nodes with the secret of this cluster may read here.');
    const url = new URL(request.url ?? '/', 'http://worker');
    const [, fillId = '', what = 'bytes'] = pathPattern.exec(url.pathname) ?? [];
    const fill = fills.get(fillId);
    const from = offsetOf(url, 'from');
    const to = offsetOf(url, 'to');
    if (request.method !== 'GET' || fill === undefined || from === undefined)
      return refuse(response, 404, 'There is no such fill here.');
    if (what === 'checksum') return answerChecksum(fill, from, to ?? 0, response);
    if (what === 'present') return answerPresent(fill, from, response);
    const verified = url.searchParams.get('verified') === '1';
    const reader = to === undefined ? undefined : fill.open({ from, toExclusive: to, verified });
    if (reader === undefined) return refuse(response, 404, 'That fill has ended.');
    return send(response, reader);
  };

  const answerPresent = async (fill: Fill, from: number, response: ServerResponse) => {
    const present = await fill.openPresent(from);
    if (present === undefined) return refuse(response, 404, 'There are no such bytes here.');
    response.setHeader(presentEndHeader, String(present.endExclusive));
    return send(response, present.reader);
  };

  const send = async (response: ServerResponse, reader: SourceReader) => {
    // Frames tell their own end: no chunks around them, and the connection ends with the answer (RFC 9112, 6.3).
    response.removeHeader('transfer-encoding');
    response.writeHead(200, { 'content-type': 'application/vnd.cistern.fill.v1', connection: 'close' });
    await sendFrames(response, reader, onSent);
  };

  return (request, response) => {
    answer(request, response).catch(() => response.destroy());
  };
}

const chunkBytes = 128 * 1024;
/** A frontend that takes nothing for as long is taken for dead; one paced by slow clients takes something. */
const stalledMs = 5 * 60_000;

const pathPattern = new RegExp(`^${protocolPath}/([\\w-]{1,64})(?:/(present|checksum))?$`);

async function answerChecksum(fill: Fill, from: number, toExclusive: number, response: ServerResponse): Promise<void> {
  const crc32 = await fill.checksum(from, toExclusive);
  if (crc32 === undefined) return refuse(response, 404, 'That fill has not been verified.');
  const body = JSON.stringify({ crc32 });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
}

function offsetOf(url: URL, name: string): number | undefined {
  const text = url.searchParams.get(name);
  const value = Number(text);
  return text !== null && /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : undefined;
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ message }));
}

/**
 * Writes a reader's bytes as frames into an answer, with heartbeats while it has none. Two buffers take turns: one is read into
 * while the other is written out. Closes `reader`, and ends `response` with a frame that says how it ended. Never rejects.
 */
async function sendFrames(
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
    // Node does not call back after a write to a socket that is about to close.
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
