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
 * Sends the status and headers of `reply`, then the bytes of `stream`, and always closes `stream`. Resolves when the response has
 * begun, or when the connection has ended before. Nothing waits for the last byte, because what waits takes memory for each slow
 * client. Rejects only before the first byte is sent. A later failure destroys the socket, because after a clean end the client
 * would take the body for complete.
 */
export function sendBlob(reply: FastifyReply, body: BlobBody): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  new BlobSender(reply, body, { resolve, reject }).start();
  return promise;
}

interface Beginning {
  resolve(): void;
  reject(error: unknown): void;
}

/** A class, because it takes less memory than closures do. Thousands of clients may read slowly. */
class BlobSender {
  readonly #reply: FastifyReply;
  readonly #body: BlobBody;
  /** Unset after the response has begun or failed. */
  #beginning: Beginning | undefined;
  #ended = false;
  #left: number;
  /** The number of bytes that are written to the socket but not flushed yet. */
  #unflushed = 0;
  readonly #onWritten = (error?: Error | null): void => {
    if (error) return;
    this.#reply.request.record.facts.bytesSent += this.#unflushed;
    this.#unflushed = 0;
    if (!this.#ended) this.#sendNext();
  };

  constructor(reply: FastifyReply, body: BlobBody, beginning: Beginning) {
    this.#reply = reply;
    this.#body = body;
    this.#left = body.length;
    this.#beginning = beginning;
  }

  start(): void {
    const { raw } = this.#reply;
    raw.on('close', () => this.#end());
    if (raw.destroyed) this.#end();
    else this.#sendNext();
  }

  #sendNext(): void {
    try {
      const next = this.#body.stream.next();
      if (next instanceof Promise) next.then((chunk) => this.#send(chunk)).catch((error: unknown) => this.#fail(error));
      else this.#send(next);
    } catch (error) {
      this.#fail(error);
    }
  }

  #send(chunk: Uint8Array | undefined): void {
    if (this.#ended) return;
    const bytes = chunk?.length ?? 0;
    // A wrong length is an error, because the client would read extra bytes as the next response of the connection, or wait for
    // missing bytes.
    if (bytes > this.#left || (chunk === undefined && this.#left > 0))
      throw new CacheError('content-mismatch', `The content does not have the announced ${this.#body.length} bytes.`);
    const isFirst = this.#beginning !== undefined;
    if (isFirst) this.#begin();
    const { raw } = this.#reply;
    if (chunk === undefined) {
      raw.setTimeout(silenceTimeoutMs);
      raw.end();
      this.#end();
      return;
    }
    this.#left -= bytes;
    this.#unflushed = bytes;
    // The first bytes share a write with the headers. After that, the response would only add work per chunk.
    const output = isFirst ? raw : raw.socket;
    output?.write(chunk, this.#onWritten);
  }

  #begin(): void {
    const { raw, request } = this.#reply;
    this.#beginning?.resolve();
    this.#beginning = undefined;
    markFirstByte(request.record);
    this.#reply.hijack();
    raw.writeHead(this.#reply.statusCode, this.#reply.getHeaders() as OutgoingHttpHeaders);
    raw.setTimeout(this.#body.stallMs, () => this.#onTimeout());
  }

  #onTimeout(): void {
    const { stallMs } = this.#body;
    if (this.#unflushed === 0) this.#reply.raw.setTimeout(stallMs);
    else this.#destroy(undefined, new Error(`the client read no byte for ${stallMs} ms`));
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    if (this.#beginning === undefined) this.#destroy(isCacheError(error) ? error.kind : 'internal', error);
    else this.#beginning.reject(error);
    this.#end();
  }

  #destroy(kind: CacheErrorKind | 'internal' | undefined, error: unknown): void {
    const { record } = this.#reply.request;
    record.failure = error;
    record.facts.errorKind = kind;
    this.#reply.raw.destroy();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#body.stream.close();
    this.#beginning?.resolve();
    this.#beginning = undefined;
  }
}
