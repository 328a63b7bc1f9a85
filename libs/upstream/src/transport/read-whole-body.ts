// Reads bodies that are wanted whole, and those of refusals, inside the retry layer: a break in the middle of a
// manifest is then just another failed attempt, and nobody above has a body to leak.
import { CacheError } from '@cistern/errors';
import { nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';
import { toNetworkError } from './network-error.ts';
import type { TransportLayer, TransportRequest, TransportResponse } from './transport.ts';

/** Refusals are read for their error code only. */
const maxRefusalBytes = 16 * 1024;

export interface ReadWholeBodyOptions {
  readonly upstream: UpstreamIdentity;
  readonly countBytes: (bytes: number) => void;
}

export function readWholeBody({ upstream, countBytes }: ReadWholeBodyOptions): TransportLayer {
  return (next) => async (request) => {
    const response = await next(request);
    const success = response.status < 300;
    if (success && request.maxBodyBytes === undefined) return response;
    const maxBytes = success ? (request.maxBodyBytes ?? 0) : maxRefusalBytes;
    const bytes = await read(upstream, request, response, maxBytes);
    countBytes(bytes.length);
    if (bytes.length <= maxBytes) return { ...response, bytes };
    if (!success) return { ...response, bytes: bytes.subarray(0, maxBytes) };
    throw new CacheError(
      'content-mismatch',
      `${nameUpstream(upstream, response.url.host)} sent more than the ${maxBytes} bytes that are allowed for such an answer.`,
    );
  };
}

/** May return up to one chunk more than `maxBytes`, never the whole of a body without end. */
async function read(
  upstream: UpstreamIdentity,
  { signal }: TransportRequest,
  { body, url }: TransportResponse,
  maxBytes: number,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    // Leaving the loop destroys the body.
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) break;
    }
  } catch (error) {
    throw toNetworkError(error, { upstream, url, signal });
  }
  return Buffer.concat(chunks, size);
}
