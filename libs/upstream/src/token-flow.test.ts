import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CacheErrorKind, isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { fixedCredentials } from './credentials/credential-source.ts';
import { sendJson, startServer } from './testing/scripted-server.ts';
import { startRegistry } from './testing/start-registry.ts';

const latest = parseReference('latest');
const nginx = parseRepositoryName('library/nginx');
const credentials = [fixedCredentials('main', { username: 'me', password: 's3cret' })];
const basic = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;

const fails = async (call: Promise<unknown>, kind: CacheErrorKind, message: RegExp): Promise<void> => {
  await assert.rejects(call, (error) => {
    assert.ok(isCacheError(error), String(error));
    assert.equal(error.kind, kind);
    assert.match(error.message, message);
    assert.doesNotMatch(`${error.message} ${JSON.stringify(error.detail)}`, /s3cret|token-\d/);
    return true;
  });
};

test('an anonymous token is requested by scope, and sent without a challenge from the second request on', async (t) => {
  const { upstream, server, tokenServer, metrics } = await startRegistry(t, {});
  await upstream.getManifest(nginx, latest);
  await upstream.getManifest(nginx, latest);
  await upstream.getManifest(parseRepositoryName('a/b'), latest);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.authorization),
    [undefined, 'Bearer token-1', 'Bearer token-1', 'Bearer token-2'],
  );
  assert.deepEqual(
    tokenServer.requests.map(({ path, headers }) => [path, headers.authorization]),
    [
      ['/token?service=reg&scope=repository%3Alibrary%2Fnginx%3Apull', undefined],
      ['/token?service=reg&scope=repository%3Aa%2Fb%3Apull', undefined],
    ],
  );
  const { values } = await metrics.upstreamRequests.get();
  const counted = values
    .filter(({ value }) => value > 0)
    .map(({ labels, value }) => [labels.operation, labels.outcome, value]);
  assert.deepEqual(counted, [
    ['get-manifest', 'ok', 4],
    ['token', 'ok', 2],
  ]);
});

test('credentials are sent to the token server only', async (t) => {
  const { upstream, server, tokenServer } = await startRegistry(t, {}, { credentials });
  await upstream.headManifest(nginx, latest);
  assert.deepEqual(
    tokenServer.requests.map(({ headers }) => headers.authorization),
    [basic],
  );
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.authorization),
    [undefined, 'Bearer token-1'],
  );
});

test('the scope of the challenge is requested in addition to ours', async (t) => {
  const tokenServer = await startServer(t, (_request, response) => sendJson(response, 200, { token: 'token-1' }));
  const challenge = `Bearer realm="${tokenServer.url}/token/?a=b",service="ecr",scope="aws"`;
  const { upstream } = await startRegistry(t, { challenge });
  await upstream.headManifest(nginx, latest);
  assert.equal(
    tokenServer.requests[0]?.path,
    '/token/?a=b&service=ecr&scope=repository%3Alibrary%2Fnginx%3Apull&scope=aws',
  );
});

test('twenty concurrent requests for one scope make one token request', async (t) => {
  const { upstream, tokenServer } = await startRegistry(t, {});
  await Promise.all(Array.from({ length: 20 }, () => upstream.headManifest(nginx, latest)));
  assert.equal(tokenServer.requests.length, 1);
});

test('a token is renewed ten seconds before it expires, and after an hour at most', async (t) => {
  let nowMs = 1_000_000;
  const lifetimes = [100, undefined, 300_000_000_000];
  const { upstream, tokenServer } = await startRegistry(
    t,
    { token: (n, response) => sendJson(response, 200, { access_token: `token-${n}`, expires_in: lifetimes[n - 1] }) },
    { clock: () => nowMs },
  );
  const tokensAfter = async (seconds: number): Promise<number> => {
    nowMs += seconds * 1000;
    await upstream.headManifest(nginx, latest);
    return tokenServer.requests.length;
  };
  assert.equal(await tokensAfter(0), 1);
  assert.equal(await tokensAfter(89), 1);
  assert.equal(await tokensAfter(1), 2);
  assert.equal(await tokensAfter(49), 2, 'the lifetime without expires_in is 60 seconds');
  assert.equal(await tokensAfter(1), 3);
  assert.equal(await tokensAfter(3589), 3);
  assert.equal(await tokensAfter(1), 4);
});

test('a refused token is renewed once', async (t) => {
  let valid = 'Bearer token-1';
  const { upstream, server, tokenServer } = await startRegistry(t, {
    accepts: (authorization) => authorization === valid,
  });
  await upstream.headManifest(nginx, latest);
  valid = 'Bearer token-2';
  await Promise.all([upstream.headManifest(nginx, latest), upstream.headManifest(nginx, latest)]);
  assert.equal(tokenServer.requests.length, 2);
  assert.equal(server.requests.length, 6);
});

test('a 401 to a new token fails with name-unknown', async (t) => {
  const { upstream, server, tokenServer } = await startRegistry(t, { accepts: () => false });
  await fails(upstream.getManifest(nginx, latest), 'name-unknown', /missing or private/);
  assert.equal(server.requests.length, 2);
  assert.equal(tokenServer.requests.length, 1);
  await fails(upstream.getManifest(nginx, latest), 'name-unknown', /missing or private/);
  assert.equal(tokenServer.requests.length, 2, 'the token in the cache is renewed once');
});

test('a 403 to a token fails with denied', async (t) => {
  const { upstream } = await startRegistry(t, { accepts: () => false, refusal: 403 });
  await fails(upstream.getManifest(nginx, latest), 'denied', /denies access to the tag latest of library\/nginx/);
});

for (const status of [401, 403])
  test(`a ${status} of the token server to our credentials fails with upstream-refused-us`, async (t) => {
    const { upstream, metrics } = await startRegistry(
      t,
      { token: (_n, response) => sendJson(response, status, {}) },
      { credentials },
    );
    await fails(upstream.getManifest(nginx, latest), 'upstream-refused-us', /Check the user name and password/);
    const { values } = await metrics.upstreamRequests.get();
    assert.equal(
      values.find(({ labels }) => labels.outcome === 'refused-us' && labels.operation === 'token')?.value,
      1,
    );
  });

test('a 403 of the token server to an anonymous request fails with denied', async (t) => {
  const { upstream } = await startRegistry(t, { token: (_n, response) => sendJson(response, 403, {}) });
  await fails(upstream.getManifest(nginx, latest), 'denied', /missing or private/);
});

test('a 429 of the token server fails with upstream-rate-limited', async (t) => {
  const { upstream, tokenServer } = await startRegistry(t, {
    token: (_n, response) => response.writeHead(429, { 'retry-after': '7' }).end(),
  });
  await assert.rejects(
    upstream.getManifest(nginx, latest),
    (error) => isCacheError(error, 'upstream-rate-limited') && (error.retryAfterMs ?? 0) >= 7000 && error.retryable,
  );
  assert.equal(tokenServer.requests.length, 1);
});

for (const answer of ['', 'null', '{"token":""}', '{"token":"a\\nb"}', '{"expires_in":60}'])
  test(`a token answer of ${JSON.stringify(answer)} fails with content-mismatch`, async (t) => {
    const { upstream } = await startRegistry(t, { token: (_n, response) => response.end(answer) });
    await fails(upstream.getManifest(nginx, latest), 'content-mismatch', /without a usable token/);
  });

test('a realm at another host receives no request', async (t) => {
  const elsewhere = await startServer(t, (_request, response) => sendJson(response, 200, { token: 'token-1' }));
  const challenge = `Bearer realm="http://localhost:${elsewhere.port}/token",service="reg"`;
  const { upstream } = await startRegistry(t, { challenge }, { credentials });
  await fails(upstream.getManifest(nginx, latest), 'upstream-refused-us', /untrusted server.*localhost/);
  assert.equal(elsewhere.requests.length, 0);
});

test('Basic credentials are sent after the first challenge', async (t) => {
  const { upstream, server } = await startRegistry(
    t,
    { challenge: 'Basic realm="private"', accepts: (authorization) => authorization === basic },
    { credentials },
  );
  await upstream.headManifest(nginx, latest);
  await upstream.headManifest(nginx, latest);
  assert.deepEqual(
    server.requests.map(({ headers }) => headers.authorization),
    [undefined, basic, basic],
  );
});

test('wrong and missing Basic credentials fail with upstream-refused-us', async (t) => {
  const script = { challenge: 'Basic realm="private"', accepts: () => false };
  const wrong = await startRegistry(t, script, { credentials });
  await fails(wrong.upstream.getManifest(nginx, latest), 'upstream-refused-us', /did not accept the configured/);
  await fails(
    wrong.upstream.getManifest(nginx, latest),
    'upstream-refused-us',
    /Changed credentials are tried immediately/,
  );
  const shown = wrong.server.requests.filter(({ headers }) => headers.authorization !== undefined);
  assert.equal(shown.length, 1, 'a refused password is not sent again immediately');
  const none = await startRegistry(t, script);
  await fails(none.upstream.getManifest(nginx, latest), 'upstream-refused-us', /none are configured/);
});

test('a 401 with an unknown scheme fails with upstream-refused-us', async (t) => {
  const { upstream } = await startRegistry(t, { challenge: 'Negotiate', accepts: () => false });
  await fails(upstream.getManifest(nginx, latest), 'upstream-refused-us', /names no supported scheme/);
});

test('tokens and passwords appear in no log line', async (t) => {
  const { upstream, logLines } = await startRegistry(t, {}, { credentials });
  await upstream.getManifest(nginx, latest);
  assert.equal(logLines.length, 3);
  assert.doesNotMatch(logLines.join(''), /s3cret|token-1|czNjcmV0/);
});

test('a caller that leaves aborts its token request', async (t) => {
  const { promise: requested, resolve } = Promise.withResolvers<void>();
  const { upstream, tokenServer } = await startRegistry(t, {
    token: (_n, response) => {
      response.on('close', () => tokenServerClosed.resolve());
      resolve();
    },
  });
  const tokenServerClosed = Promise.withResolvers<void>();
  const controller = new AbortController();
  const call = upstream.getManifest(nginx, latest, { signal: controller.signal });
  await requested;
  controller.abort(new Error('left'));
  await assert.rejects(call, /left/);
  await tokenServerClosed.promise;
  assert.equal(tokenServer.requests.length, 1);
});
