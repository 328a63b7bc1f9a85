// Small answers as a whole, never past a clean but early end.
import type { IncomingMessage } from 'node:http';

/** The whole body, for answers that are known to be small. */
export async function readWholeBody(body: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (bytes.byteLength !== contentLength(body)) throw endedEarly();
  return bytes;
}

export function contentLength(body: Pick<IncomingMessage, 'headers'>): number {
  return Number(body.headers['content-length']);
}

/** Of an answer whose connection has ended, cleanly or not. */
export function endedEarly(): Error {
  return Object.assign(new Error('the answer ended early'), { code: 'ECONNRESET' });
}
