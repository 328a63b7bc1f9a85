// How a token server is asked: by GET, with a password or as anybody, or with an identity token by OAuth 2, both as the
// distribution project specifies them ("Token Authentication Specification", "Oauth2 Token Authentication").
import { isIdentityToken } from '../credentials/identity-token.ts';
import type { UpstreamCredentials } from '../upstream-settings.ts';
import type { TransportRequest } from './transport.ts';

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
