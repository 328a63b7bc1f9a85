// Writes a blob's bytes to a client. It does not use a Node stream, because the buffers of chunks are shared between clients and
// reused. So each chunk must be written before the next one is read. This loop over reused buffers takes a third of the CPU time
// of a Node stream.
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
 * Sends the status and headers of `reply`, then the bytes of `stream`, and always closes `stream`. Rejects only before the first
 * byte is sent. A later failure destroys the socket, because after a clean end the client would take the body for complete.
 * Resolves when the last byte is written to the socket, or when the connection has ended.
 */
export function sendBlob(reply: FastifyReply, { stream, length, stallMs }: BlobBody): Promise<void> {
  const { raw } = reply;
  const { record } = reply.request;
  return new Promise((resolve, reject) => {
    let started = false;
    let ended = false;
    let left = length;
    /** The number of bytes that are written to the socket but not flushed yet. */
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
      // A wrong length is an error, because the client would read extra bytes as the next response of the connection, or wait for
      // missing bytes.
      if (bytes > left || (chunk === undefined && left > 0)) {
        fail(new CacheError('content-mismatch', `The content does not have the announced ${length} bytes.`));
        return;
      }
      const isFirst = !started;
      if (isFirst) start();
      if (chunk === undefined) {
        raw.setTimeout(silenceTimeoutMs);
        raw.end();
        end();
        return;
      }
      left -= bytes;
      unflushed = bytes;
      // The first bytes share a write with the headers. After that, the response would only add work per chunk.
      const output = isFirst ? raw : raw.socket;
      output?.write(chunk, onWritten);
    };
    const onWritten = (error?: Error | null) => {
      if (error) return;
      record.facts.bytesSent += unflushed;
      unflushed = 0;
      if (!ended) pull();
    };
    const pull = () => {
      try {
        const next = stream.next();
        if (next instanceof Promise) next.then(onChunk).catch(fail);
        else onChunk(next);
      } catch (error) {
        fail(error);
      }
    };

    raw.once('close', onClose);
    if (raw.destroyed) onClose();
    else pull();
  });
}
