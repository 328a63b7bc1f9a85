// Writes a blob's bytes to a client. It is not a Node stream, since chunks are shared between clients and reused: each must be
// written before the next is read. A loop over reused buffers takes a third of the CPU.
import type { OutgoingHttpHeaders } from 'node:http';
import { CacheError, type CacheErrorKind, isCacheError } from '@cistern/errors';
import type { BlobStream } from '@cistern/pull-through';
import type { FastifyReply } from 'fastify';
import { markFirstByte } from '../hooks/request-facts.ts';
import { silenceTimeoutMs } from '../http/server-options.ts';

export interface BlobBody {
  readonly stream: BlobStream;
  /** The number of bytes in `stream`. */
  readonly length: number;
  /** A client that reads no byte for this long is disconnected. */
  readonly stallMs: number;
}

/**
 * Sends the status and headers of `reply`, then `stream`, and always closes it. Rejects only before the first byte is sent. A later
 * failure destroys the socket, for a clean end would be a lie. Resolves when the last byte is written to the socket, or the client
 * has disconnected.
 */
export function sendBlob(reply: FastifyReply, { stream, length, stallMs }: BlobBody): Promise<void> {
  const { raw } = reply;
  const { record } = reply.request;
  return new Promise((resolve, reject) => {
    let started = false;
    let ended = false;
    let left = length;
    /** Bytes that are written to the socket and not flushed yet. */
    let unflushed = 0;

    const end = () => {
      ended = true;
      raw.off('close', onClose);
      stream.close();
      resolve();
    };
    const onClose = () => {
      if (!ended) end();
    };
    const fail = (error: unknown) => {
      if (ended) return;
      if (started) destroyWith(isCacheError(error) ? error.kind : 'internal', error);
      else reject(error);
      end();
    };
    const destroyWith = (kind: CacheErrorKind | 'internal' | undefined, error: unknown) => {
      record.failure = error;
      record.facts.errorKind = kind;
      raw.destroy();
    };
    const onTimeout = () => {
      if (unflushed === 0) raw.setTimeout(stallMs);
      else destroyWith(undefined, new Error(`the client read no byte for ${stallMs} ms`));
    };
    const start = () => {
      started = true;
      markFirstByte(record);
      reply.hijack();
      raw.writeHead(reply.statusCode, reply.getHeaders() as OutgoingHttpHeaders);
      raw.setTimeout(stallMs, onTimeout);
    };
    const onChunk = (chunk: Uint8Array | undefined) => {
      if (ended) return;
      const bytes = chunk?.length ?? 0;
      // The client would read extra bytes as the next response of the connection, and would wait for missing bytes.
      if (bytes > left || (chunk === undefined && left > 0)) {
        fail(new CacheError('content-mismatch', `The content does not have the announced ${length} bytes.`));
        return;
      }
      if (!started) start();
      if (chunk === undefined) {
        raw.setTimeout(silenceTimeoutMs);
        raw.end();
        end();
        return;
      }
      left -= bytes;
      unflushed = bytes;
      raw.write(chunk, onWritten);
    };
    const onWritten = (error?: Error | null) => {
      if (error) return;
      record.facts.bytesSent += unflushed;
      unflushed = 0;
      if (!ended) pull();
    };
    const pull = () => {
      stream.next().then(onChunk).catch(fail);
    };

    raw.once('close', onClose);
    if (raw.destroyed) onClose();
    else pull();
  });
}
