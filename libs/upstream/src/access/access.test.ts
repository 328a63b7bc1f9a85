// Tests which answers to access checks grant access, and which servers receive the caller's credentials.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type CacheErrorKind, isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseRepositoryName } from '@cistern/oci';
import { fixedCredentials } from '../credentials/credential-source.ts';
import { type Answer, openOn, sendJson, startServer } from '../testing/scripted-server.ts';
import { startRegistry } from '../testing/start-registry.ts';
import type { AccessSubject, CallerCredentials } from '../upstream.ts';

const repository = parseRepositoryName('team/secret');
const tag: AccessSubject = { kind: 'manifest', reference: parseReference('latest') };
const digest = digestOf(Buffer.from('layer'));
const blob: AccessSubject = { kind: 'blob', digest };
const anonymous: CallerCredentials = { kind: 'anonymous' };
const ada: CallerCredentials = { kind: 'password', username: 'ada', password: 'password-of-ada' };
const basic = `Basic ${Buffer.from('ada:password-of-ada').toString('base64')}`;
const own = { credentials: [fixedCredentials('own', { username: 'robot', password: 'password-of-robot' })] };

const answers =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'retry-after': '0', ...headers }).end();

/** Answers 200 to the Basic credentials of ada, and 401 to all other requests. */
const byPassword: Answer = (request, response) =>
  answers(request.headers.authorization === basic ? 200 : 401, { 'www-authenticate': 'Basic realm="here"' })(
    request,
    response,
  );

const fails = (call: Promise<unknown>, kind: CacheErrorKind) =>
  assert.rejects(call, (error) => {
    assert.ok(isCacheError(error, kind), String(error));
    assert.doesNotMatch(`${error.message} ${JSON.stringify(error.detail)}`, /password/);
    return true;
  });

async function open(t: TestContext, answer: Answer, options = {}) {
  const server = await startServer(t, answer);
  return { server, ...openOn(t, server.url, { ...own, ...options }) };
}

test('each access check uses the cheapest request', async (t) => {
  const { upstream, server } = await open(t, answers(200));
  for (const subject of [tag, { kind: 'manifest', reference: parseReference(digest) }, blob, { kind: 'tags' }] as const)
    await upstream.checkAccess(repository, subject, anonymous);
  assert.deepEqual(
    server.requests.map(({ method, path, headers }) => [method, path, headers.range]),
    [
      ['HEAD', '/v2/team/secret/manifests/latest', undefined],
      ['HEAD', `/v2/team/secret/manifests/${digest}`, undefined],
      ['GET', `/v2/team/secret/blobs/${digest}`, 'bytes=0-0'],
      ['GET', '/v2/team/secret/tags/list?n=1', undefined],
    ],
  );
});

for (const [status, kind] of [
  [200, undefined],
  [206, undefined],
  [416, undefined],
  [401, 'upstream-refused-us'],
  [403, 'denied'],
  [404, 'manifest-unknown'],
  [429, 'upstream-rate-limited'],
  [500, 'upstream-unreachable'],
  [503, 'upstream-unreachable'],
] as const)
  test(`an access check that is answered ${status} ${kind === undefined ? 'grants access' : `fails with ${kind}`}`, async (t) => {
    const { upstream } = await open(t, answers(status));
    const check = upstream.checkAccess(repository, tag, ada);
    if (kind === undefined) assert.deepEqual(await check, { isProven: false });
    else await fails(check, kind);
  });

test('a password is sent after a challenge, and our own credentials are never sent instead', async (t) => {
  const { upstream, server, metrics } = await open(t, byPassword);
  assert.deepEqual(await upstream.checkAccess(repository, tag, ada), { isProven: true });
  await fails(upstream.checkAccess(repository, tag, anonymous), 'unauthenticated');
  await fails(upstream.checkAccess(repository, tag, { ...ada, password: 'wrong password' }), 'unauthenticated');
  const shown = server.requests.map(({ headers }) => headers.authorization);
  assert.deepEqual(shown.slice(0, 3), [undefined, basic, undefined]);
  const robot = `Basic ${Buffer.from('robot:password-of-robot').toString('base64')}`;
  assert.ok(!shown.includes(robot));
  // A refusal of the caller's credentials does not affect our own account.
  const text = await metrics.registry.metrics();
  assert.doesNotMatch(text, /cistern_upstream_credentials_refused\{[^}]*\} 1/);
  assert.match(
    text,
    /cistern_upstream_requests_total\{upstream="test",operation="check-access",outcome="denied"\} [1-9]/,
  );
});

test('each access check requests its own token, and no token is cached', async (t) => {
  const { upstream, server, tokenServer } = await startRegistry(t, {}, own);
  await upstream.headManifest(repository, parseReference('latest'));
  for (const caller of [ada, anonymous, ada]) {
    const { isProven } = await upstream.checkAccess(repository, tag, caller);
    assert.equal(isProven, caller === ada);
  }
  assert.deepEqual(
    tokenServer.requests.slice(1).map(({ headers }) => headers.authorization),
    [basic, undefined, basic],
  );
  const shown = server.requests.map(({ headers }) => headers.authorization);
  assert.equal(new Set(shown.filter((one) => one !== undefined)).size, 4);
  await upstream.headManifest(repository, parseReference('latest'));
  assert.equal(server.requests.at(-1)?.headers.authorization, 'Bearer token-1', 'our own token is still cached');
});

test("a caller's own token is sent unchanged", async (t) => {
  const { upstream, server } = await open(t, (request, response) =>
    answers(request.headers.authorization === 'Bearer abc' ? 200 : 401)(request, response),
  );
  const grant = await upstream.checkAccess(repository, tag, { kind: 'token', token: 'abc' });
  assert.deepEqual(grant, { isProven: false }, 'a registry may ignore an unknown token');
  await fails(upstream.checkAccess(repository, tag, { kind: 'token', token: 'xyz' }), 'unauthenticated');
  assert.equal(server.requests.length, 2);
});

test('storage receives no credentials of a caller, and its answer to a signed URL decides', async (t) => {
  const storage = await startServer(t, (request, response) =>
    answers(request.method === 'GET' ? 206 : 403)(request, response),
  );
  const location = `${storage.url}/blob?signature=1`;
  const { upstream } = await open(
    t,
    (request, response) =>
      request.headers.authorization === basic
        ? answers(307, { location })(request, response)
        : byPassword(request, response),
    { allowPrivate: true },
  );
  await upstream.checkAccess(repository, blob, ada);
  assert.deepEqual(
    storage.requests.map(({ headers }) => headers.authorization),
    [undefined],
  );
});

test('an access check does not follow a redirect to a private address, as our own calls do not', async (t) => {
  const { upstream } = await open(t, answers(307, { location: 'http://169.254.169.254/latest/meta-data' }));
  await fails(upstream.checkAccess(repository, blob, ada), 'upstream-refused-us');
  await fails(upstream.checkAccess(repository, blob, anonymous), 'unauthenticated');
});

test('the answer of a registry behind a redirect decides', async (t) => {
  const regional = await startServer(t, answers(401));
  const { upstream } = await open(t, answers(307, { location: `${regional.url}/v2/x` }), { allowPrivate: true });
  await fails(upstream.checkAccess(repository, tag, ada), 'unauthenticated');
});

test('a caller is refused when the token server refuses a token', async (t) => {
  const statuses = [401, 403];
  const tokens = await startServer(t, (_request, response) => sendJson(response, statuses.shift() ?? 500, {}));
  const challenge = { 'www-authenticate': `Bearer realm="${tokens.url}/token",service="x"` };
  const { upstream } = await open(t, answers(401, challenge));
  await fails(upstream.checkAccess(repository, tag, ada), 'unauthenticated');
  await fails(upstream.checkAccess(repository, tag, ada), 'denied');
});

test('alternates receive no access checks', async (t) => {
  const alternate = await startServer(t, answers(200));
  const { upstream } = await open(t, answers(503), { alternates: [{ url: alternate.url }] });
  await fails(upstream.checkAccess(repository, tag, ada), 'upstream-unreachable');
  assert.equal(alternate.requests.length, 0);
});
