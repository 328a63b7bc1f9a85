// Creates requests to a token server, and errors for its refusals. A request is a GET with or without a password, or an
// OAuth 2 POST with an identity token. The distribution project specifies both ("Token Authentication Specification",
// "Oauth2 Token Authentication").
import { CacheError } from '@cistern/errors';
import { isIdentityToken, type UpstreamCredentials } from '../credentials/credential-source.ts';
import {
  nameUpstream,
  parseRetryAfterMs,
  type TransportRequest,
  type TransportResponse,
  type UpstreamIdentity,
} from './transport.ts';

export interface WantedToken {
  /** The URL of the token server, already checked by `checkRealm`. */
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly credentials: UpstreamCredentials | undefined;
}

export type TokenRequest = Pick<TransportRequest, 'method' | 'url' | 'headers' | 'body'>;

const accept = 'application/json';

export function toTokenRequest({ realm, service, scopes, credentials }: WantedToken): TokenRequest {
  if (credentials !== undefined && isIdentityToken(credentials)) {
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'cistern', scope: scopes.join(' ') });
    if (service !== undefined) form.set('service', service);
    form.set('refresh_token', credentials.password);
    const headers = { accept, 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url: realm, headers, body: form.toString() };
  }
  const url = new URL(realm);
  if (service !== undefined) url.searchParams.set('service', service);
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const authorization = credentials && basicAuthorization(credentials);
  return { method: 'GET', url, headers: { accept, ...(authorization !== undefined && { authorization }) } };
}

export function basicAuthorization({ username, password }: UpstreamCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * Checks the realm, the URL of a token server. The registry chooses the realm, so without this check it could direct
 * our credentials anywhere (decision 0006). The realm must have the same host or the same registrable domain
 * (auth.docker.io for registry-1.docker.io), and a registry with https needs a realm with https. Rejects with
 * `upstream-refused-us` for other realms, because only an operator can solve that.
 */
export async function checkRealm(upstream: UpstreamIdentity, realm: string): Promise<URL> {
  const refuse = (why: string): CacheError =>
    new CacheError(
      'upstream-refused-us',
      `${nameUpstream(upstream)} requires a token of an untrusted server: ${why}.`,
      { detail: { upstream: upstream.name } },
    );
  if (!URL.canParse(realm)) throw refuse('its realm is not a URL');
  const url = new URL(realm);
  const from = upstream.url;
  if (url.protocol !== 'https:' && (url.protocol !== 'http:' || from.protocol === 'https:'))
    throw refuse(`${url.protocol}//${url.host} does not use https`);
  if (url.hostname !== from.hostname && !(await areOfOneDomain(url.hostname, from.hostname)))
    throw refuse(`"${url.host}" has neither the host name nor the domain of the registry`);
  url.hash = '';
  url.username = '';
  url.password = '';
  return url;
}

// Domains under which anyone can register a name (s3.amazonaws.com, github.io) count as public suffixes, because their
// names belong to different owners.
async function areOfOneDomain(one: string, other: string): Promise<boolean> {
  // The list of all suffixes takes 3 MB of memory, so it is loaded only if a realm has another host.
  const { getDomain } = await import('tldts');
  const options = { allowPrivateDomains: true };
  const domain = getDomain(one, options);
  return domain !== null && domain === getDomain(other, options);
}

/**
 * Returns the error for a response without a token. If the token server refuses our credentials, the error is
 * `upstream-refused-us`. If it refuses an anonymous request, the repository may be missing or private. The error is
 * then `name-unknown` or `denied`, as for a refusal of the registry. A 429 is `upstream-rate-limited`. Any other 4xx is
 * `upstream-refused-us`, because the circuit breaker must not count a refusal as a failure.
 */
export function toTokenError(
  upstream: UpstreamIdentity,
  { status, headers, url }: TransportResponse,
  ownCredentials: boolean,
  nowMs: number,
): CacheError {
  const server = nameUpstream(upstream, url.host);
  const retryAfterMs = parseRetryAfterMs(headers, nowMs);
  const options = {
    detail: { upstream: upstream.name, status },
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
  if (status === 401 || status === 403) {
    if (ownCredentials)
      return new CacheError(
        'upstream-refused-us',
        `${server} refused the configured credentials in a request for a token (${status}). Check the user name and password of this upstream.`,
        options,
      );
    const kind = status === 401 ? 'name-unknown' : 'denied';
    return new CacheError(kind, `${server} issues no anonymous token: the repository is missing or private.`, options);
  }
  if (status === 429)
    return new CacheError('upstream-rate-limited', `${server} throttled a request for a token (too many requests).`, {
      ...options,
      retryable: true,
    });
  if (status >= 400 && status < 500)
    return new CacheError('upstream-refused-us', `${server} refused a request for a token (${status}).`, options);
  return new CacheError('upstream-unreachable', `${server} answered ${status} to a request for a token.`, {
    ...options,
    retryable: status >= 500,
  });
}
