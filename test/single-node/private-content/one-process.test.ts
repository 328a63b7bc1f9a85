// Tests two users of a private upstream, one of whom may read a repository. The other gets none of its content, by any
// name, though its bytes are cached.
// real-time: access is remembered for six seconds by the clock of a Cistern process
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { assertRefused } from '../src/assert-refused.ts';
import { openCistern } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { beginDownload, sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import {
  ada,
  requestAs,
  assertNothing,
  authorizationOf,
  basic,
  bob,
  checkSharedUpstream,
  checkTable,
  openPrivateUpstreams,
  robot,
  shapes,
  tokenOf,
} from './private-table.ts';

async function openPrivate(t: TestContext, kind: 'basic' | 'bearer', more: Record<string, unknown> = {}) {
  const stage = await openPrivateUpstreams(t, kind);
  const { upstreams } = stage;
  const config = {
    log: { level: 'debug' },
    upstreams: { ...upstreams, 'private.test': { ...upstreams['private.test'], ...more } },
  };
  const cistern = await openCistern(t, { config });
  const get = (what: string, user?: typeof ada, repository = 'team/secret') =>
    requestAs(cistern.url, shapes['root']!(repository, what), { method: 'GET' }, user && basic(user));
  return { ...stage, cistern, get };
}

for (const kind of ['basic', 'bearer'] as const)
  test(`one process enforces the table of access for an upstream that requires ${kind === 'basic' ? 'passwords' : 'tokens'}`, async (t) => {
    const { cistern, ...stage } = await openPrivate(t, kind);
    const credentials = [
      'password',
      'our token',
      ...(kind === 'bearer' ? (["upstream's token"] as const) : []),
      'nothing',
    ] as const;
    const cells = await checkTable(stage, [cistern.url], credentials);
    assert.ok(cells > 400, `${cells} cells`);
    await checkSharedUpstream(stage, [cistern.url]);
    // All content came from the cache, and the upstream got few requests.
    const { secret, upstream } = stage;
    assert.equal(upstream.count({ method: 'GET', endpoint: 'manifest', digest: secret.digest, status: 200 }), 1);
    const metrics = await readMetrics(cistern);
    const checks = (result: string) =>
      metrics.get(`cistern_access_checks_total{upstream="private.test",result="${result}"}`);
    assert.ok(checks('remembered')! > 5 * checks('allowed')!);
    assert.ok(checks('refused')! > 0);
    assert.equal(checks('failed'), 0);
    const output = cistern.log().join('\n') + [...metrics.keys()].join('\n');
    for (const { username, password } of [robot, ada, bob])
      for (const secretText of [password, basic({ username, password }).slice('Basic '.length)])
        assert.ok(!output.includes(secretText), secretText);
  });

test('a caller without rights gets no bytes of a fill in progress', async (t) => {
  const { cistern, upstream, secret, get } = await openPrivate(t, 'bearer', { timeouts: { body: '3s' } });
  const layer = secret.layers[0]!.digest;
  // The stalled fetch is resumed after three seconds.
  const stalled = upstream.addFault({ endpoint: 'blob', digest: layer }, { stallAfterBytes: 200_000 });
  const download = await beginDownload(`${cistern.url}/v2/team/secret/blobs/${layer}`, {
    headers: { authorization: basic(ada) },
  });
  await download.untilReceived(50_000);
  stalled.remove();
  for (const range of [undefined, 'bytes=5-9'])
    for (const [user, repository] of [
      [bob, 'team/secret'],
      [bob, 'team/other'],
      [undefined, 'team/secret'],
    ] as const) {
      const shaped = shapes['root']!(repository, `blobs/${layer}`);
      const question = { method: 'GET', ...(range !== undefined && { range }) } as const;
      assertNothing(
        await requestAs(cistern.url, shaped, question, user && basic(user)),
        repository,
        user ? 'password' : 'nothing',
      );
    }
  assert.equal((await download.ended).body.length, 300_000);
  assert.equal((await get(`blobs/${layer}`, ada)).body.length, 300_000);
});

test('while upstream is unavailable, recently authorized callers keep access until it expires, and others get none', async (t) => {
  const { upstream, secret, get } = await openPrivate(t, 'bearer', { rememberaccess: '6s' });
  const requestedAtMs = performance.now();
  assert.equal((await get('manifests/latest', ada)).status, 200);
  assert.equal((await get(`blobs/${secret.config.digest}`, ada)).status, 200);
  const authorizedAtMs = performance.now();
  await upstream.refuseConnections();
  for (const what of ['manifests/latest', `manifests/${secret.digest}`, `blobs/${secret.config.digest}`]) {
    if (performance.now() - requestedAtMs < 3_000) assert.equal((await get(what, ada)).status, 200, what);
    assertRefused(await get(what, bob), 503, 'UNAVAILABLE', what);
    assertRefused(await get(what), 503, 'UNAVAILABLE', what);
  }
  await delay(Math.max(0, 6_500 - (performance.now() - authorizedAtMs)));
  assertRefused(await get(`blobs/${secret.config.digest}`, ada), 503, 'UNAVAILABLE');
  await upstream.acceptConnections();
  await until('upstream is queried again', async () => (await get('manifests/latest', ada)).status === 200);
});

test('an offline cache authorizes no new caller', async (t) => {
  const { get } = await openPrivate(t, 'bearer', { offline: true });
  assertRefused(await get('manifests/latest', ada), 503, 'UNAVAILABLE');
});

test('a wrong password is sent to the upstream once, and does not affect the correct one', async (t) => {
  const { upstream, get } = await openPrivate(t, 'bearer');
  const wrong = { ...ada, password: 'no-password' };
  for (let count = 0; count < 5; count += 1) assertNothing(await get('manifests/latest', wrong), 'wrong', 'password');
  assert.equal(upstream.count({ endpoint: 'token' }), 1);
  assert.equal((await get('manifests/latest', ada)).status, 200);
});

test('a tag that our own account may no longer read is forgotten, and a removed one is kept', async (t) => {
  const { cistern, upstream, get } = await openPrivate(t, 'bearer', { ttl: '0s' });
  assert.equal((await get('manifests/latest', ada)).status, 200);
  const gone = upstream.addFault({ endpoint: 'manifest' }, { status: 404 });
  const kept = await get('manifests/latest', ada);
  assert.deepEqual([kept.status, kept.headers['x-cache']], [200, 'STALE']);
  gone.remove();
  const denied = upstream.addFault({ endpoint: 'manifest' }, { status: 403 });
  // The cache queries the upstream again for `no-cache`, although the query failed a moment ago.
  const insist = { headers: { authorization: basic(ada), 'cache-control': 'no-cache' } };
  assertRefused(await sendRequest(`${cistern.url}/v2/team/secret/manifests/latest`, insist), 403, 'DENIED');
  denied.remove();
  // The denial also removed the tag, as if it had never been cached.
  upstream.deleteTag('team/secret', 'latest');
  await until('the denial expires', async () => {
    const { status } = await sendRequest(`${cistern.url}/v2/team/secret/manifests/latest`, insist);
    return status === 404;
  });
});

test('the catalog lists no private repository', async (t) => {
  const { cistern, get } = await openPrivate(t, 'bearer');
  await get('manifests/latest', ada);
  await sendRequest(`${cistern.url}/v2/public.test/team/secret/manifests/public`);
  const catalog = await sendRequest(`${cistern.url}/v2/_catalog?n=1`, { headers: { authorization: basic(ada) } });
  assert.deepEqual(JSON.parse(catalog.body.toString()), { repositories: ['public.test/team/secret'] });
});

test('every caller gets public content of the upstream, with a token or without credentials', async (t) => {
  const { cistern, shared, ...stage } = await openPrivate(t, 'bearer');
  const path = `${cistern.url}/v2/public.test/team/secret/manifests/public`;
  assert.equal((await sendRequest(path)).status, 200);
  const authorization = await tokenOf(cistern.url, undefined);
  assert.equal((await sendRequest(path, { headers: { authorization } })).status, 200);
  assert.equal((await sendRequest(`${cistern.url}/v2/`, { headers: { authorization } })).status, 200);
  // Passwords for one upstream are not sent to another.
  const password = await authorizationOf({ shared, ...stage }, cistern.url, ada, 'password');
  assert.equal((await sendRequest(path, { headers: { authorization: password! } })).status, 200);
  assert.ok(shared.requests().every(({ headers }) => headers.authorization === undefined));
});
