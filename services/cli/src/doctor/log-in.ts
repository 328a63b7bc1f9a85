// What a cache wants to see of a client, and how to come by it: by Basic, or by an access token of its token server.
import type { Answer, SendRequest } from './send-request.ts';

export interface Account {
  readonly user: string;
  readonly password: string;
}

/** The value of `Authorization`, or an error that says what is wrong. `cacheUrl`: as clients have it. */
export async function logIn(
  send: SendRequest,
  cacheUrl: string,
  refusal: Answer,
  account: Account | undefined,
  scopes: readonly string[],
): Promise<string> {
  const challenge = refusal.headers['www-authenticate'] ?? '';
  if (account === undefined)
    throw new Error('it wants to know who asks: give --user, and the password in CISTERN_PASSWORD');
  const basic = `Basic ${Buffer.from(`${account.user}:${account.password}`).toString('base64')}`;
  if (/^basic/i.test(challenge)) {
    const answer = await send('/v2/', { headers: { authorization: basic } });
    if (answer.status !== 200) throw new Error(whyRefused('it', answer, refusal));
    return basic;
  }
  const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
  const realm = parameter('realm');
  if (!/^bearer/i.test(challenge) || realm === undefined)
    throw new Error(`it asks for something that clients do not know: ${challenge || 'no WWW-Authenticate'}`);
  const url = new URL(realm);
  if (url.protocol === 'http:' && cacheUrl.startsWith('https:'))
    throw new Error(
      `it sends clients to ${url.origin} for tokens: name what ends TLS in http.trustedproxies, or the address of the cache in auth.tokenserver.url`,
    );
  url.searchParams.set('service', parameter('service') ?? '');
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const answer = await send(url.href, { headers: { authorization: basic } });
  if (answer.status !== 200) throw new Error(whyRefused(url.origin, answer, await send(url.href)));
  const { token, access_token: accessToken } = JSON.parse(answer.body.toString()) as Record<string, string | undefined>;
  const bearer = `Bearer ${token ?? accessToken ?? ''}`;
  const shown = await send('/v2/', { headers: { authorization: bearer } });
  if (shown.status !== 200) throw new Error(whyRefused('it', shown, refusal));
  return bearer;
}

/** A cache has other words for who shows something wrong than for who shows nothing. */
function whyRefused(who: string, refused: Answer, refusedNobody: Answer): string {
  return refused.body.equals(refusedNobody.body)
    ? `${who} does not see who logs in (${refused.status}): what is before the cache must pass Authorization on`
    : `${who} refuses the user or the password (${refused.status})`;
}
