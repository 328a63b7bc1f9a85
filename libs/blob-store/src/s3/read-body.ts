// Small answers as a whole, never past a clean but early end.
import type { IncomingMessage } from 'node:http';
import { endedEarly } from '@cistern/streams';

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
