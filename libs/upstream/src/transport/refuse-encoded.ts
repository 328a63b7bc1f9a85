// Refuses an answer in a content encoding that was not asked for. Decoding it would yield bytes nobody can vouch for.
import { CacheError } from '@cistern/errors';
import { nameUpstream, type UpstreamIdentity } from '../upstream-identity.ts';
import { dropBody, headerValue, type TransportLayer } from './transport.ts';

export function refuseEncoded(upstream: UpstreamIdentity): TransportLayer {
  return (next) => async (request) => {
    const response = await next(request);
    const encoding = headerValue(response.headers, 'content-encoding')?.trim().toLowerCase() ?? '';
    if (response.status >= 300 || encoding === '' || encoding === 'identity') return response;
    dropBody(response.body);
    throw new CacheError(
      'content-mismatch',
      `${nameUpstream(upstream, response.url.host)} answered with the content encoding "${encoding.slice(0, 40)}", though only identity was accepted.`,
    );
  };
}
