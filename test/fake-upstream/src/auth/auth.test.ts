import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { exchange } from '../exchange.ts';
import type { FakeUpstream, FakeUpstreamOptions } from '../start-fake-upstream.ts';
import { withFakeUpstream } from '../with-fake-upstream.ts';

const ann = { username: 'ann', password: 'p:w' };
const basic = (username: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
});

async function challengeOf(upstream: FakeUpstream, repository: string, headers = {}) {
  const { status, headers: answered } = await exchange(`${upstream.url}/v2/${repository}/manifests/1`, { headers });
  const challenge = answered['www-authenticate'] ?? '';
  const parameter = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(challenge)?.[1];
  return { status, realm: parameter('realm'), scope: parameter('scope'), error: parameter('error') };
}

async function pullWithToken(upstream: FakeUpstream, repository: string, credentials = {}) {
  const { realm, scope } = await challengeOf(upstream, repository);
  const answer = await exchange(`${realm}?service=fake-upstream&scope=${scope}`, { headers: credentials });
  const token = JSON.parse(answer.body.toString()) as { token?: string; access_token?: string; expires_in?: number };
  if (answer.status !== 200) return { tokenStatus: answer.status, status: 0, token };
  const authorization = `Bearer ${token.token ?? token.access_token}`;
  const { status } = await exchange(`${upstream.url}/v2/${repository}/manifests/1`, { headers: { authorization } });
  return { tokenStatus: 200, status, token, authorization };
}

function withImage(options: FakeUpstreamOptions, action: (upstream: FakeUpstream) => Promise<void>) {
  return withFakeUpstream(options, async (upstream) => {
    upstream.addImage('team/app', { tag: '1' });
    upstream.addImage('team/secret', { tag: '1' });
    await action(upstream);
  });
}

test('Basic: only known passwords are accepted, and only for their repositories', () =>
  withImage({ auth: { kind: 'basic', accounts: [{ ...ann, repositories: ['team/app'] }] } }, async (upstream) => {
    const status = async (path: string, headers = {}) =>
      (await exchange(`${upstream.url}/v2/${path}`, { headers })).status;
    const refused = await exchange(`${upstream.url}/v2/`);
    assert.deepEqual([refused.status, refused.headers['www-authenticate']], [401, 'Basic realm="fake-upstream"']);
    assert.equal(await status('', basic('ann', 'p:w')), 200);
    assert.equal(await status('', basic('ann', 'wrong')), 401);
    assert.equal(await status('team/app/manifests/1', basic('ann', 'p:w')), 200);
    assert.equal(await status('team/secret/manifests/1', basic('ann', 'p:w')), 403);
    upstream.auth.refuseCredentials(true);
    assert.equal(await status('', basic('ann', 'p:w')), 401);
  }));

test('Bearer: anonymous tokens are issued and counted', () =>
  withImage({ auth: { kind: 'bearer' } }, async (upstream) => {
    assert.deepEqual(await challengeOf(upstream, 'team/app'), {
      status: 401,
      realm: `${upstream.url}/token`,
      scope: 'repository:team/app:pull',
      error: undefined,
    });
    assert.equal((await pullWithToken(upstream, 'team/app')).status, 200);
    assert.equal(upstream.count({ endpoint: 'token' }), 1);
  }));

test('Bearer: a token is valid only for its own repository', () =>
  withImage({ auth: { kind: 'bearer' } }, async (upstream) => {
    const { authorization } = await pullWithToken(upstream, 'team/app');
    const { status, error } = await challengeOf(upstream, 'team/secret', { authorization });
    assert.deepEqual([status, error], [401, 'insufficient_scope']);
  }));

test('Bearer: accounts read their own repositories, and anonymous clients read public ones', () =>
  withImage(
    {
      auth: { kind: 'bearer', accounts: [{ ...ann, repositories: ['team/secret'] }], publicRepositories: ['team/app'] },
    },
    async (upstream) => {
      assert.equal((await pullWithToken(upstream, 'team/app')).status, 200);
      assert.equal((await pullWithToken(upstream, 'team/secret')).status, 401);
      assert.equal((await pullWithToken(upstream, 'team/secret', basic('ann', 'p:w'))).status, 200);
      assert.equal((await pullWithToken(upstream, 'team/app', basic('ann', 'wrong'))).tokenStatus, 401);
      upstream.auth.refuseCredentials(true);
      assert.equal((await pullWithToken(upstream, 'team/secret', basic('ann', 'p:w'))).tokenStatus, 401);
    },
  ));

test('Bearer: tokens expire after their lifetime', () =>
  withImage({ auth: { kind: 'bearer', tokenLifetimeMs: 50, announcedSeconds: 300_000_000_000 } }, async (upstream) => {
    const short = await pullWithToken(upstream, 'team/app');
    assert.equal(short.token.expires_in, 300_000_000_000);
    // real-time: polls until a token has expired
    while ((await challengeOf(upstream, 'team/app', { authorization: short.authorization })).status === 200)
      await delay(5);
    const stale = await challengeOf(upstream, 'team/app', { authorization: short.authorization });
    assert.deepEqual([stale.status, stale.error], [401, 'invalid_token']);
  }));

test('Bearer: issued tokens can be invalidated', () =>
  withImage({ auth: { kind: 'bearer' } }, async (upstream) => {
    const { authorization } = await pullWithToken(upstream, 'team/app');
    upstream.auth.expireTokens();
    assert.equal((await challengeOf(upstream, 'team/app', { authorization })).status, 401);
  }));

test('Bearer: the token endpoint can use another port or host, and either token field', () =>
  withImage(
    { auth: { kind: 'bearer', realm: 'other-host', tokenField: 'access_token', announcedSeconds: 'absent' } },
    async (upstream) => {
      const { status, token } = await pullWithToken(upstream, 'team/app');
      assert.equal(status, 200);
      assert.deepEqual([token.token, token.expires_in], [undefined, undefined]);
      assert.equal(upstream.count({ endpoint: 'token', host: 'other-host' }), 1);
      assert.notEqual(upstream.urlOf('other-host'), upstream.url);
      assert.notEqual(upstream.urlOf('other-port'), upstream.url);
    },
  ));

test('Bearer: the OAuth2 form of the token endpoint works too', () =>
  withImage({ auth: { kind: 'bearer', accounts: [ann] } }, async (upstream) => {
    const form = new URLSearchParams({ ...ann, grant_type: 'password', scope: 'repository:team/app:pull' });
    const answer = await exchange(`${upstream.url}/token`, { method: 'POST', body: form.toString() });
    const { access_token: token } = JSON.parse(answer.body.toString()) as { access_token: string };
    assert.equal((await challengeOf(upstream, 'team/app', { authorization: `Bearer ${token}` })).status, 200);
  }));

test('a missing repository is answered with 404, or with 401 as at Docker Hub', async () => {
  await withImage({ auth: { kind: 'bearer' } }, async (upstream) => {
    assert.equal((await pullWithToken(upstream, 'team/none')).status, 404);
  });
  await withImage({ auth: { kind: 'bearer' }, missingRepository: 401 }, async (upstream) => {
    assert.equal((await pullWithToken(upstream, 'team/none')).status, 401);
    assert.equal((await pullWithToken(upstream, 'team/app')).status, 200);
  });
});
