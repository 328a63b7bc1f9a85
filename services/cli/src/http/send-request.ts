// Sends requests to a cache as a client does, but follows no redirect and decodes no body.
import { once } from 'node:events';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { trustedAuthorities } from './trusted-authorities.ts';

export interface Answer {
  readonly status: number;
  /** The values of headers by name in lower case. The values of a repeated header are joined by commas. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface RequestOptions {
  readonly method?: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
}

export type SendRequest = (pathOrUrl: string, options?: RequestOptions) => Promise<Answer>;

const timeoutMs = 30_000;
/** The size of a body after which the rest of the body is not read, because the checks need no more. */
const maxBytes = 8 * 1024 * 1024;

/**
 * `base` is the URL of the cache. `ca` is a CA certificate in PEM to trust, in addition to those of this machine. Requests
 * reject with the error of the system or of TLS, or with an `AbortError` after 30 s.
 */
export function createSendRequest(base: string, ca: string | undefined): SendRequest {
  let kept: readonly string[] | undefined;
  const authorities = () => (kept ??= trustedAuthorities(ca));
  return async (pathOrUrl, { method = 'GET', headers = {} } = {}) => {
    const url = new URL(pathOrUrl, base);
    const request = url.protocol === 'https:' ? requestHttps : requestHttp;
    const sent = request(url, {
      method,
      headers,
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      ...(url.protocol === 'https:' && { ca: [...authorities()] }),
    });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) break;
    }
    const headersByName = Object.entries(answer.headers).map(([name, value]) => [name, value?.toString()]);
    const found = Object.fromEntries(headersByName) as Answer['headers'];
    return { status: answer.statusCode ?? 0, headers: found, body: Buffer.concat(chunks) };
  };
}
