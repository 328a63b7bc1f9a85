// Waiting for the bytes of an answer, never for ever and never past a clean but early end.
import type { IncomingMessage } from 'node:http';
import { S3TransportError } from './create-s3-transport.ts';

/** Resolves when there is at least one byte to read; rejects when the body has ended, broke or has been silent. */
export function untilReadable(body: IncomingMessage, timeoutMs: number): Promise<void> {
  if (body.readableLength > 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      clearTimeout(timer);
      body.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', settle);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onReadable = () => {
      if (body.readableLength > 0) settle();
    };
    const onEnd = () => settle(body.errored ?? endedEarly());
    const timer = setTimeout(() => settle(new S3TransportError('SILENT', `no byte for ${timeoutMs} ms`)), timeoutMs);
    body.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', settle);
    if (body.destroyed || body.readableEnded) onEnd();
    else body.read(0);
  });
}

/** The whole body, for answers that are known to be small. */
export async function readWholeBody(body: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (bytes.byteLength !== contentLength(body)) throw endedEarly();
  return bytes;
}

export function contentLength(body: IncomingMessage): number {
  return Number(body.headers['content-length']);
}

function endedEarly(): Error {
  return Object.assign(new Error('the answer ended early'), { code: 'ECONNRESET' });
}
