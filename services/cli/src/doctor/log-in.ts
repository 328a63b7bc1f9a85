// What a cache wants to see of a client, and how to come by it: by Basic, or by an access token of its token server.
import type { Answer, Ask } from './ask.ts';

export interface Account {
  readonly user: string;
  readonly password: string;
}

/** The value of `Authorization`, or an error that says what is wrong. */
export async function logIn(
  ask: Ask,
  refusal: Answer,
  account: Account | undefined,
  scopes: readonly string[],
): Promise<string> {
  const challenge = refusal.headers['www-authenticate'] ?? '';
  if (account === undefined)
    throw new Error('it wants to know who asks: give --user, and the password in CISTERN_PASSWORD');
  const basic = `Basic ${Buffer.from(`${account.user}:${account.password}`).toString('base64')}`;
  if (/^basic/i.test(challenge)) return basic;
  const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`, 'i').exec(challenge)?.[1];
  const realm = parameter('realm');
  if (!/^bearer/i.test(challenge) || realm === undefined)
    throw new Error(`it asks for something that clients do not know: ${challenge || 'no WWW-Authenticate'}`);
  const url = new URL(realm);
  url.searchParams.set('service', parameter('service') ?? '');
  for (const scope of scopes) url.searchParams.append('scope', scope);
  const answer = await ask(url.href, { headers: { authorization: basic } });
  if (answer.status !== 200) throw new Error(`${url.origin} refuses the user or the password (${answer.status})`);
  const { token, access_token: accessToken } = JSON.parse(answer.body.toString()) as Record<string, string | undefined>;
  return `Bearer ${token ?? accessToken ?? ''}`;
}
