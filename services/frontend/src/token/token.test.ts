import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthenticator, createMemoryTokenKeys, type Identity } from '@cistern/auth';
import { createAccessTokens } from '@cistern/auth/tokens';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { type Answer, errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const users: Readonly<Record<string, Identity>> = {
  'ada:right': { name: 'ada', method: 'password' },
  'bob:right': { name: 'bob', method: 'password', grants: ['ghcr.io/team/*'] },
};
const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`;

async function start(t: Parameters<typeof startFrontend>[0], trustedProxies: readonly string[] = []) {
  const accessTokens = createAccessTokens({
    keys: createMemoryTokenKeys(),
    service: 'the cache',
    lifetimeMs: 300_000,
    now: Date.now,
  });
  const authenticator = createAuthenticator({
    challenge: { scheme: 'bearer', service: 'the cache', realm: { path: '/token' } },
    passwords: [
      async ({ user, password }) => {
        const identity = users[`${user}:${password}`];
        return identity && { result: 'accepted', method: 'password', identity };
      },
    ],
    tokens: [accessTokens.verify],
  });
  const pullThrough = createMemoryPullThrough({ manifests: [Buffer.from('{}')] });
  const tokenServer = () => ({ accessTokens, realm: 'people' });
  return startFrontend(t, { pullThrough, authenticator, tokenServer, trustedProxies });
}

const bodyOf = ({ body }: Answer) => JSON.parse(body.toString()) as Record<string, unknown>;

async function tokenFor(url: string, pair: string, ...scopes: readonly string[]): Promise<string> {
  const query = new URLSearchParams([['service', 'the cache'], ...scopes.map((scope) => ['scope', scope])]);
  const answer = await sendRequest(`${url}/token?${query.toString()}`, { headers: { authorization: basic(pair) } });
  assert.equal(answer.status, 200);
  return String(bodyOf(answer)['token']);
}

const pull = (url: string, path: string, token: string) =>
  sendRequest(url + path, { headers: { authorization: `Bearer ${token}` } });

test('a 401 has a challenge with the token endpoint and the scope', async (t) => {
  const { url, port } = await start(t);
  const here = `Bearer realm="http://127.0.0.1:${port}/token",service="the cache"`;
  const challengeOf = async (path: string, headers = {}) =>
    (await sendRequest(url + path, { headers })).headers['www-authenticate'];
  assert.equal(await challengeOf('/v2/'), here);
  assert.equal(await challengeOf('/v2/nginx/manifests/x'), `${here},scope="repository:nginx:pull"`);
  assert.equal(await challengeOf('/ghcr.io/v2/a/b/manifests/x'), `${here},scope="repository:ghcr.io/a/b:pull"`);
  assert.equal(await challengeOf('/v2/', { authorization: 'Bearer x' }), `${here},error="invalid_token"`);
  assert.equal(await challengeOf('/v2/', { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.test' }), here);
  assert.equal(
    await challengeOf('/v2/', { host: String.raw`a",realm="b` }),
    String.raw`Bearer realm="http://a\",realm=\"b/token",service="the cache"`,
  );
});

test('behind a trusted proxy, the challenge has the address that clients use', async (t) => {
  const { url } = await start(t, ['127.0.0.1']);
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'cache.test' };
  const answer = await sendRequest(`${url}/v2/`, { headers });
  assert.match(String(answer.headers['www-authenticate']), /^Bearer realm="https:\/\/cache\.test\/token"/);
});

test('a token issued for a password authenticates the same user', async (t) => {
  const { url, log, metrics } = await start(t);
  const token = await tokenFor(url, 'ada:right', 'repository:nginx:pull,push');
  assert.equal((await pull(url, '/v2/', token)).status, 200);
  assert.equal((await pull(url, '/v2/nginx/manifests/x', token)).status, 200);
  await until(() => log.length === 3);
  assert.deepEqual(
    log.map(({ operation, user }) => [operation, user]),
    [
      ['token', 'ada'],
      ['ping', 'ada'],
      ['manifest', 'ada'],
    ],
  );
  const text = await metrics.registry.metrics();
  assert.match(text, /^cistern_authentications_total\{method="token",result="accepted"\} 2$/m);
});

test('a token is valid only for its scopes, and a client can get another one', async (t) => {
  const { url } = await start(t);
  const token = await tokenFor(url, 'ada:right', 'repository:nginx:pull');
  const answer = await pull(url, '/v2/redis/manifests/x', token);
  assert.equal(answer.status, 401);
  assert.match(String(answer.headers['www-authenticate']), /scope="repository:redis:pull",error="insufficient_scope"$/);
  const wider = await tokenFor(url, 'ada:right', 'repository:nginx:pull', 'repository:redis:pull');
  assert.equal((await pull(url, '/v2/redis/manifests/x', wider)).status, 200);
});

test('a token lists the catalog only with the scope of the catalog', async (t) => {
  const { url } = await start(t);
  const narrow = await tokenFor(url, 'ada:right', 'repository:nginx:pull');
  const answer = await pull(url, '/v2/_catalog', narrow);
  assert.equal(answer.status, 401);
  assert.match(String(answer.headers['www-authenticate']), /scope="registry:catalog:\*",error="insufficient_scope"$/);
  const wider = await tokenFor(url, 'ada:right', 'repository:nginx:pull registry:catalog:*');
  assert.equal((await pull(url, '/v2/_catalog', wider)).status, 200);
});

test('a denied repository is in no token, and is denied by every name, with or without a token', async (t) => {
  const { url, log } = await start(t);
  const requested = ['team/app', 'ghcr.io/team/app', 'docker.io/team/app', 'nginx', 'ghcr.io/other/app'];
  const scope = requested.map((name) => `repository:${name}:pull`).join(' ');
  const headers = { authorization: basic('bob:right') };
  const answer = await sendRequest(`${url}/token?${new URLSearchParams({ scope }).toString()}`, { headers });
  // A name without an upstream belongs to the default upstream, even if a later pull names another upstream.
  assert.equal(bodyOf(answer)['scope'], 'repository:ghcr.io/team/app:pull');
  const token = String(bodyOf(answer)['token']);
  for (const [path, status] of [
    ['/v2/ghcr.io/team/app/manifests/x', 200],
    ['/v2/team/app/manifests/x?ns=ghcr.io', 200],
    ['/ghcr.io/v2/team/app/manifests/x', 200],
    ['/v2/team/app/manifests/x', 403],
    ['/v2/team/app/manifests/x?ns=docker.io', 403],
    ['/v2/nginx/manifests/x', 403],
    ['/v2/ghcr.io/other/app/tags/list', 403],
  ] as const) {
    for (const authorization of [`Bearer ${token}`, headers.authorization]) {
      const found = await sendRequest(url + path, { headers: { authorization } });
      assert.equal(found.status, status, path);
      if (status === 403) {
        assert.equal(errorsOf(found)[0]?.code, 'DENIED');
        assert.doesNotMatch(found.body.toString(), /grant|team/);
        assert.equal(found.headers['x-cistern-upstream'], undefined);
      }
    }
  }
  await until(() => log.length === 15);
  const denials = log.map(({ denied }) => denied).filter((denied) => denied !== undefined);
  assert.equal(denials.length, 8);
  assert.ok(denials.includes("the caller's grants do not include docker.io/library/nginx"));
});

test('a token is issued for the forms of containerd and of other clients with a refresh token', async (t) => {
  const { url } = await start(t);
  const post = (form: Record<string, string>, headers: Record<string, string> = {}) =>
    sendRequest(`${url}/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body: new URLSearchParams(form).toString(),
    });
  const scope = 'repository:nginx:pull';
  const given = await post({ grant_type: 'password', username: 'ada', password: 'right', service: 'x', scope });
  assert.equal(given.status, 200);
  assert.equal(given.headers['cache-control'], 'no-store');
  const { token, access_token, expires_in, token_type } = bodyOf(given);
  assert.deepEqual([access_token, expires_in, token_type], [token, 300, 'Bearer']);
  assert.equal((await pull(url, '/v2/nginx/manifests/x', String(access_token))).status, 200);
  for (const form of [
    { grant_type: 'password', username: 'ada', password: 'wrong' },
    { grant_type: 'refresh_token', refresh_token: 'right' },
    { grant_type: 'refresh_token', refresh_token: String(token) },
    {},
  ] as Record<string, string>[]) {
    const answer = await post(form);
    assert.equal(answer.status, 401);
    assert.equal(answer.headers['www-authenticate'], 'Basic realm="people"');
  }
  assert.equal((await post({}, { 'content-type': 'application/json' })).status, 401);
  assert.equal((await post({ password: 'x'.repeat(70_000) })).status, 413);
});

test('a token cannot be exchanged for another token', async (t) => {
  const { url } = await start(t);
  const token = await tokenFor(url, 'ada:right');
  const answer = await pull(url, '/token', token);
  assert.equal(answer.status, 401);
  assert.equal(errorsOf(answer)[0]?.message, 'An access token cannot be exchanged for another one. Use a password.');
});

test('a client without a valid password gets no token', async (t) => {
  const { url } = await start(t);
  for (const headers of [{}, { authorization: basic('ada:wrong') }, { authorization: 'Bearer x' }]) {
    const answer = await sendRequest(`${url}/token`, { headers });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers['www-authenticate'], 'Basic realm="people"');
    assert.equal(bodyOf(answer)['token'], undefined);
  }
});

test('without a token server, the token endpoint is 404', async (t) => {
  const { url } = await startFrontend(t);
  assert.equal((await sendRequest(`${url}/token`)).status, 404);
});
