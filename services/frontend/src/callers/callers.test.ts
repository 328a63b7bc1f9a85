// Clients' credentials for upstreams that verify callers: the challenges, and the tokens that contain encrypted credentials.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError } from '@cistern/errors';
import type { ManifestRequest } from '@cistern/pull-through';
import type { CallerCredentials } from '@cistern/upstream';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { createTestSeal } from '../testing/create-test-seal.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';
import { type CallerTokens, createCallerTokens } from './caller-tokens.ts';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const ada: CallerCredentials = { kind: 'password', username: 'ada', password: 'pass:word' };
const issue = (tokens: CallerTokens) => tokens.issue({ caller: ada }).token;
const manifest = Buffer.from('{"schemaVersion":2}');

test('a header is read as a password, a token or anonymous', () => {
  const tokens = createCallerTokens({ seal: createTestSeal(), now: Date.now });
  const of = (authorization: string | undefined) => tokens.read(authorization).caller;
  assert.deepEqual(of(basic('ada:pass:word')), ada);
  assert.deepEqual(of('bearer abc.def-_~+/='), { kind: 'token', token: 'abc.def-_~+/=' });
  // A form sends an identity token this way.
  assert.deepEqual(of(basic(':identity')), { kind: 'password', username: '<token>', password: 'identity' });
  assert.deepEqual(of(`Bearer ${issue(tokens)}`), ada);
  for (const nothing of [undefined, '', basic(':'), basic('no colon'), 'Basic %', 'Bearer', 'Bearer a b', 'Digest x=y'])
    assert.deepEqual(of(nothing), { kind: 'anonymous' }, String(nothing));
});

test('our token is valid for five minutes, and an invalid one is not sent to an upstream', () => {
  const clock = { nowMs: 1_000 };
  const tokens = createCallerTokens({ seal: createTestSeal(), now: () => clock.nowMs });
  const token = issue(tokens);
  clock.nowMs += 299_999;
  assert.deepEqual(tokens.read(`Bearer ${token}`).caller, ada);
  clock.nowMs += 1;
  for (const void_ of [token, `${token}x`, 'cistern.forged'])
    assert.deepEqual(tokens.read(`Bearer ${void_}`).caller, { kind: 'anonymous' });
});

test('a token issued for a token expires with the first one', () => {
  const clock = { nowMs: 1_000 };
  const tokens = createCallerTokens({ seal: createTestSeal(), now: () => clock.nowMs });
  const renew = (token: string) => tokens.issue(tokens.read(`Bearer ${token}`));
  let bought = tokens.issue({ caller: ada });
  assert.equal(bought.expiresInSeconds, 300);
  for (const left of [200, 100, 1]) {
    clock.nowMs = 1_000 + (300 - left) * 1000;
    bought = renew(bought.token);
    assert.equal(bought.expiresInSeconds, left);
    assert.deepEqual(tokens.read(`Bearer ${bought.token}`).caller, ada);
  }
  clock.nowMs += 1_000;
  assert.deepEqual(tokens.read(`Bearer ${bought.token}`).caller, { kind: 'anonymous' });
  assert.deepEqual(tokens.read(`Bearer ${renew(bought.token).token}`).caller, { kind: 'anonymous' });
});

test('the token endpoint gives a renewed token only the remaining time of the first one', async (t) => {
  const clock = { nowMs: 1_000 };
  const pullThrough = createMemoryPullThrough({ manifests: [manifest] });
  const { url } = await startFrontend(t, { pullThrough, callerSeal: createTestSeal(), now: () => clock.nowMs });
  const buy = async (authorization: string) => {
    const { body } = await sendRequest(`${url}/token`, { headers: { authorization } });
    return JSON.parse(body.toString()) as { token: string; expires_in: number };
  };
  const first = await buy(basic('ada:pass:word'));
  clock.nowMs += 240_000;
  assert.equal((await buy(`Bearer ${first.token}`)).expires_in, 60);
});

async function refusing(): Promise<never> {
  throw new CacheError('unauthenticated', 'The upstream does not know you.');
}

async function start(t: TestContext, trustedProxies: readonly string[] = []) {
  const networks: (string | undefined)[] = [];
  const callers: (CallerCredentials | undefined)[] = [];
  const plain = createMemoryPullThrough({ manifests: [manifest] });
  const pullThrough = createMemoryPullThrough({
    instead: {
      listTags: refusing,
      openManifest(request) {
        callers.push(request.target.caller);
        networks.push(request.target.network);
        return plain.openManifest(request);
      },
    },
  });
  return {
    callers,
    networks,
    ...(await startFrontend(t, { pullThrough, callerSeal: createTestSeal(), trustedProxies })),
  };
}

test('a client without credentials gets a challenge at /v2/ and when the upstream requires them', async (t) => {
  const { url } = await start(t);
  const realm = `Bearer realm="${url}/token",service="cistern"`;
  const ping = await sendRequest(`${url}/v2/`);
  assert.deepEqual([ping.status, ping.headers['www-authenticate']], [401, realm]);
  assert.equal((await sendRequest(`${url}/v2/`, { headers: { authorization: basic('ada:x') } })).status, 200);
  for (const [path, name] of [
    ['/v2/a/b/tags/list?ns=docker.io', 'a/b'],
    ['/v2/ghcr.io/a/b/tags/list', 'ghcr.io/a/b'],
    ['/ghcr.io/v2/a/b/tags/list', 'ghcr.io/a/b'],
  ]) {
    const answer = await sendRequest(url + path);
    assert.equal(answer.status, 401);
    assert.equal(answer.headers['www-authenticate'], `${realm},scope="repository:${name}:pull"`);
    assert.equal(errorsOf(answer)[0]?.code, 'UNAUTHORIZED');
  }
});

async function tokenOf(answer: { body: Buffer; headers: Record<string, unknown> }): Promise<string> {
  const { token, access_token: same, expires_in: seconds } = JSON.parse(answer.body.toString());
  assert.deepEqual([same, seconds, answer.headers['cache-control']], [token, 300, 'no-store']);
  return `Bearer ${token}`;
}

test('a rejection by the upstream is logged as a denial, and a challenge is not', async (t) => {
  const { url, log } = await start(t);
  await sendRequest(`${url}/v2/`);
  await sendRequest(`${url}/v2/a/tags/list`);
  await sendRequest(`${url}/v2/a/tags/list`, { headers: { authorization: basic('ada:pass:word') } });
  await until(() => log.length === 3);
  assert.deepEqual(
    log.map(({ denied }) => denied),
    [undefined, undefined, 'the upstream denied access to the caller'],
  );
});

test('any client gets a token, by GET and by a form, and the token carries its credentials', async (t) => {
  const { url, callers } = await start(t);
  const get = (headers: Record<string, string>) => sendRequest(`${url}/token?service=cistern&scope=x`, { headers });
  const post = async (form: Record<string, string>) => {
    const answer = await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(form) });
    return { body: Buffer.from(await answer.arrayBuffer()), headers: Object.fromEntries(answer.headers) };
  };
  for (const answer of [
    await get({ authorization: basic('ada:pass:word') }),
    await post({ grant_type: 'password', username: 'ada', password: 'pass:word' }),
    await get({}),
    await post({ grant_type: 'refresh_token', refresh_token: 'identity' }),
  ]) {
    const authorization = await tokenOf(answer);
    assert.equal((await sendRequest(`${url}/v2/a/manifests/x`, { headers: { authorization } })).status, 200);
  }
  assert.deepEqual(callers, [
    ada,
    ada,
    { kind: 'anonymous' },
    { kind: 'password', username: '<token>', password: 'identity' },
  ]);
  assert.equal((await get({ authorization: 'Bearer of-an-upstream' })).status, 403);
});

test('an access check has the network of its client', async (t) => {
  const { url, networks } = await start(t, ['127.0.0.0/8']);
  for (const address of ['192.0.2.7', '2001:db8::9', '2001:db8::a'])
    await sendRequest(`${url}/v2/a/manifests/x`, { headers: { 'x-forwarded-for': address } });
  assert.deepEqual(networks, ['192.0.2.7', '2001:db8:0:0::/64', '2001:db8:0:0::/64']);
});

test('without an upstream that verifies callers, there is no token endpoint and credentials are ignored', async (t) => {
  const pullThrough = createMemoryPullThrough({ manifests: [manifest] });
  const { url } = await startFrontend(t, { pullThrough });
  assert.equal((await sendRequest(`${url}/token`)).status, 404);
  assert.equal((await sendRequest(`${url}/v2/`)).status, 200);
  await sendRequest(`${url}/v2/a/manifests/x`, { headers: { authorization: basic('ada:x') } });
  const { target } = pullThrough.calls[0]!.request as unknown as ManifestRequest;
  assert.deepEqual([target.repository, target.caller, target.network], ['library/a', undefined, undefined]);
});
