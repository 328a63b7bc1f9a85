// Logs a client in by the method that a cache requires: Basic, or an access token of the cache's token server.
import type { Answer, SendRequest } from '../http/send-request.ts';

export interface Account {
  readonly user: string;
  readonly password: string;
}

/**
 * Resolves to the value of `Authorization`. Rejects with an error that names the fault. `cacheUrl` is the address of
 * the cache for clients. `rejection` is the 401 response to a request without credentials.
 */
export async function logIn(
  send: SendRequest,
  cacheUrl: string,
  rejection: Answer,
  account: Account | undefined,
  scopes: readonly string[],
): Promise<string> {
  const challenge = rejection.headers['www-authenticate'] ?? '';
  if (account === undefined) throw new Error('it requires a login: pass --user, and the password in CISTERN_PASSWORD');
  const basic = `Basic ${Buffer.from(`${account.user}:${account.password}`).toString('base64')}`;
  if (/^basic/i.test(challenge)) {
    const answer = await send('/v2/', { headers: { authorization: basic } });
    if (answer.status !== 200) throw new Error(whyRejected('it', answer, rejection));
    return basic;
  }
  const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
  const realm = parameter('realm');
  if (!/^bearer/i.test(challenge) || realm === undefined)
    throw new Error(`clients do not support its challenge: ${challenge || 'no WWW-Authenticate'}`);
  const url = new URL(realm);
  if (url.protocol === 'http:' && cacheUrl.startsWith('https:'))
    throw new Error(
      `it sends clients to ${url.origin} for tokens: add the proxy that terminates TLS to http.trustedproxies, or set auth.tokenserver.url`,
    );
  url.searchParams.set('service', parameter('service') ?? '');
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const answer = await send(url.href, { headers: { authorization: basic } });
  if (answer.status !== 200) throw new Error(whyRejected(url.origin, answer, await send(url.href)));
  const { token, access_token: accessToken } = JSON.parse(answer.body.toString()) as Record<string, string | undefined>;
  const bearer = `Bearer ${token ?? accessToken ?? ''}`;
  const shown = await send('/v2/', { headers: { authorization: bearer } });
  if (shown.status !== 200) throw new Error(whyRejected('it', shown, rejection));
  return bearer;
}

/**
 * Explains a rejected login. A cache has different texts for wrong and for missing credentials. So if the rejection has
 * the same text as that of an anonymous request, the credentials did not arrive.
 */
function whyRejected(server: string, rejected: Answer, rejectedAnonymous: Answer): string {
  return rejected.body.equals(rejectedAnonymous.body)
    ? `${server} receives no credentials (${rejected.status}): the proxy in front of the cache must pass Authorization on`
    : `${server} rejects the user or the password (${rejected.status})`;
}
