// Requests to a token server, and its refusals. A request is a GET with a password or without, or OAuth 2 with an identity
// token. The distribution project specifies both ("Token Authentication Specification", "Oauth2 Token Authentication").
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
  /** Checked. */
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
 * Where tokens may be requested. A registry names the realm itself; without a rule it could have our credentials sent
 * anywhere (decision 0006). The rule: the same host, or the same registrable domain (auth.docker.io for
 * registry-1.docker.io); https stays https. Anything else rejects with `upstream-refused-us`: we cannot prove who we are
 * there, until an operator does something about it.
 */
export async function checkRealm(upstream: UpstreamIdentity, realm: string): Promise<URL> {
  const refuse = (why: string): CacheError =>
    new CacheError(
      'upstream-refused-us',
      `${nameUpstream(upstream)} asks for tokens at a place that is not trusted: ${why}.`,
      { detail: { upstream: upstream.name } },
    );
  if (!URL.canParse(realm)) throw refuse('its realm is not a URL');
  const url = new URL(realm);
  const from = upstream.url;
  if (url.protocol !== 'https:' && (url.protocol !== 'http:' || from.protocol === 'https:'))
    throw refuse(`${url.protocol}//${url.host} in place of https`);
  if (url.hostname !== from.hostname && !(await areOfOneDomain(url.hostname, from.hostname)))
    throw refuse(`"${url.host}" belongs neither to its host nor to its domain`);
  url.hash = '';
  url.username = '';
  url.password = '';
  return url;
}

// Domains under which anybody can get a name (s3.amazonaws.com, github.io) count as suffixes, not as one owner's.
async function areOfOneDomain(one: string, other: string): Promise<boolean> {
  // The list of all suffixes takes 3 MB, which those who ask registries without realms elsewhere can do without.
  const { getDomain } = await import('tldts');
  const options = { allowPrivateDomains: true };
  const domain = getDomain(one, options);
  return domain !== null && domain === getDomain(other, options);
}

/**
 * The error for a token server's refusal. Refused with our credentials: `upstream-refused-us`. Refused to anybody (some
 * registries do that for a repository that is missing or private): as the registry's own refusal would be, `name-unknown` or
 * `denied`. Any other 4xx is `upstream-refused-us` too: a server that refuses is not one that fails, which the circuit breaker
 * would count.
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
