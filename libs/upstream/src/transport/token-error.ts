// What a token server's refusal means.
import { CacheError } from '@cistern/errors';
import { nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';
import { parseRetryAfterMs } from './rate-limit.ts';
import type { TransportResponse } from './transport.ts';

/**
 * Refused with our credentials: `upstream-refused-us`. Refused to anybody (some registries do that for a repository that
 * is missing or private): as the registry's own refusal would be, `name-unknown` or `denied`. Any other 4xx is
 * `upstream-refused-us` too: a server that refuses is not one that fails, which the circuit breaker would count.
 */
export function toTokenError(
  upstream: UpstreamIdentity,
  { status, headers, url }: TransportResponse,
  ownCredentials: boolean,
  nowMs: number,
): CacheError {
  const who = nameUpstream(upstream, url.host);
  const retryAfterMs = parseRetryAfterMs(headers, nowMs);
  const options = {
    detail: { upstream: upstream.name, status },
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
  if (status === 401 || status === 403) {
    if (ownCredentials)
      return new CacheError(
        'upstream-refused-us',
        `${who} did not accept the configured credentials when asked for a token (${status}); check the user name and password of this upstream.`,
        options,
      );
    const kind = status === 401 ? 'name-unknown' : 'denied';
    return new CacheError(kind, `${who} gives no anonymous token: the repository is missing or private.`, options);
  }
  if (status === 429)
    return new CacheError('upstream-rate-limited', `${who} answers too many requests to a request for a token.`, {
      ...options,
      retryable: true,
    });
  if (status >= 400 && status < 500)
    return new CacheError('upstream-refused-us', `${who} refused a request for a token (${status}).`, options);
  return new CacheError('upstream-unreachable', `${who} answered ${status} to a request for a token.`, {
    ...options,
    retryable: status >= 500,
  });
}
