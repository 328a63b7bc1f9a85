// Follows redirects, which registries send for blobs. They usually lead to a signed URL of a storage server. The
// storage server must receive none of our credentials, and the query of the URL must not appear in any message.
import { CacheError } from '@cistern/errors';
import {
  nameUpstream,
  type UpstreamIdentity,
  headerValue,
  type TransportLayer,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';

const maxRedirects = 5;
const redirectStatuses = new Set([301, 302, 303, 307, 308]);
/** If the body of a redirect is larger, its connection is closed. */
const maxDiscardedBytes = 16 * 1024;

/**
 * Follows redirects. Rejects with `upstream-refused-us` for a forbidden target, because only an operator can solve
 * that.
 */
export function followRedirects(upstream: UpstreamIdentity): TransportLayer {
  return (next) => async (original) => {
    let request = original;
    for (let redirects = 0; ; redirects += 1) {
      const response = await next(request);
      if (!redirectStatuses.has(response.status)) return response;
      discard(response);
      if (redirects === maxRedirects)
        throw new CacheError(
          'upstream-unreachable',
          `${nameUpstream(upstream)} redirects more than ${maxRedirects} times.`,
        );
      request = redirected(upstream, request, response);
    }
  };
}

function redirected(
  upstream: UpstreamIdentity,
  request: TransportRequest,
  { headers, url: from }: TransportResponse,
): TransportRequest {
  const location = headerValue(headers, 'location');
  if (location === undefined || !URL.canParse(location, from))
    throw new CacheError(
      'content-mismatch',
      `${nameUpstream(upstream)} sent a redirect without a valid Location header.`,
    );
  const url = new URL(location, from);
  url.hash = '';
  url.username = '';
  url.password = '';
  const http = url.protocol === 'http:' && from.protocol === 'http:';
  if (url.protocol !== 'https:' && !http)
    throw new CacheError(
      'upstream-refused-us',
      `${nameUpstream(upstream)} redirected to ${withoutQuery(url)}, which is not allowed from ${from.protocol}//${from.host}.`,
      { detail: { upstream: upstream.name, location: withoutQuery(url) } },
    );
  if (url.origin === from.origin) return { ...request, url, isRedirected: true };
  const { authorization: _, ...others } = request.headers;
  return { ...request, url, isRedirected: true, headers: others };
}

function withoutQuery({ origin, protocol, host, pathname, search }: URL): string {
  const start = origin === 'null' ? `${protocol}//${host}` : origin;
  return `${start}${pathname}${search === '' ? '' : '?[redacted]'}`;
}

/** Reads a short body to its end, so that the connection can be reused. Errors of the body are ignored. */
function discard({ body }: TransportResponse): void {
  let size = 0;
  body.on('error', () => {});
  body.on('data', (chunk: Buffer) => {
    size += chunk.length;
    if (size > maxDiscardedBytes) body.destroy();
  });
}
