import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  acceptAllClients,
  type Authentication,
  type Authenticator,
  type ClientLimits,
  followAuthenticator,
  unlimited,
} from '@cistern/auth';
import { CacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';
import { until } from '@cistern/runtime/testing';

const blob = Buffer.from('blob');
const manifest = Buffer.from('{"schemaVersion":2}');

/** Accepts `Basic ada` as a user. */
const onlyAda: Authenticator = {
  challenge: { scheme: 'basic', realm: 'here "and" now' },
  async authenticate({ authorization }): Promise<Authentication> {
    if (authorization === 'Basic ada')
      return { result: 'accepted', method: 'password', identity: { name: 'ada', method: 'password' } };
    if (authorization === 'Basic mallory') return { result: 'locked-out', method: 'password', retryAfterMs: 5000 };
    if (authorization === 'Basic err') throw new CacheError('overloaded', 'Too many passwords wait.');
    const method = authorization === undefined ? 'anonymous' : 'other';
    return { result: 'refused', method, message: 'No such user.' };
  },
};

const start = (t: Parameters<typeof startFrontend>[0]) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob], manifests: [manifest] });
  return startFrontend(t, { pullThrough, authenticator: onlyAda, accessLog() {} });
};

test('the pull API answers nothing before the client is authenticated', async (t) => {
  const { url } = await start(t);
  const paths = [
    '/v2/',
    '/v2',
    '/v2/_catalog',
    '/v2/a/manifests/x',
    `/v2/a/blobs/${digestOf(blob)}`,
    '/v2/a/tags/list',
    `/v2/a/referrers/${digestOf(blob)}`,
    '/ghcr.io/v2/a/manifests/x',
    '/v2/nothing',
    '/v2/UPPER/manifests/x',
    '/v2/a/manifests/x?ns=nowhere.test',
  ];
  for (const path of paths)
    for (const method of ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE']) {
      const answer = await sendRequest(url + path, { method });
      assert.equal(answer.status, 401, `${method} ${path}`);
      assert.equal(answer.headers['www-authenticate'], String.raw`Basic realm="here \"and\" now"`);
      assert.equal(answer.headers['docker-distribution-api-version'], 'registry/2.0');
      assert.equal(answer.headers['x-cistern-upstream'], undefined);
      if (method !== 'HEAD')
        assert.deepEqual(errorsOf(answer), [{ code: 'UNAUTHORIZED', message: 'No such user.' }], path);
    }
});

test('an authenticated user pulls, and both logs have the user name', async (t) => {
  const { url, log, accessLines, logText } = await start(t);
  const headers = { authorization: 'Basic ada' };
  const ping = await sendRequest(`${url}/v2/`, { headers });
  assert.equal(ping.status, 200);
  assert.equal(ping.headers['www-authenticate'], undefined);
  assert.deepEqual((await sendRequest(`${url}/v2/a/manifests/x`, { headers })).body, manifest);
  assert.equal((await sendRequest(`${url}/v2/a/manifests/x`, { method: 'PUT', headers })).status, 405);
  await until(() => log.length === 3);
  assert.deepEqual(
    log.map(({ user }) => user),
    ['ada', 'ada', 'ada'],
  );
  assert.equal(accessLines.length, 3);
  for (const line of accessLines) assert.match(line, /^127\.0\.0\.1 - ada \[/);
  assert.doesNotMatch(logText(), /Basic ada/);
});

test('a refused request is counted, and no log has the claimed name', async (t) => {
  const { url, log, logText, metrics } = await start(t);
  const attempts = ['Basic ada', 'Basic mallory', 'Basic err', 'Basic s3cret'].map((authorization) => ({
    authorization,
  }));
  const statuses: number[] = [];
  for (const headers of [...attempts, {}]) statuses.push((await sendRequest(`${url}/v2/`, { headers })).status);
  assert.deepEqual(statuses, [200, 503, 503, 401, 401]);
  await until(() => log.length === 5);
  assert.doesNotMatch(logText(), /mallory|s3cret/);
  assert.deepEqual(
    log.map(({ errorKind }) => errorKind),
    [undefined, 'client-rate-limited', 'overloaded', 'unauthenticated', 'unauthenticated'],
  );
  assert.equal(log[1]?.['denied'], 'too many wrong passwords');
  const text = await metrics.registry.metrics();
  for (const line of [
    'cistern_authentications_total{method="password",result="accepted"} 1',
    'cistern_authentications_total{method="password",result="locked-out"} 1',
    'cistern_authentications_total{method="other",result="failed"} 1',
    'cistern_authentications_total{method="other",result="refused"} 1',
    'cistern_authentications_total{method="anonymous",result="refused"} 1',
    'cistern_requests_total{operation="ping",result="NONE",status="4xx"} 2',
  ])
    assert.ok(text.includes(`${line}\n`), line);
});

test('without authentication, credentials of clients are ignored', async (t) => {
  const { url, log } = await startFrontend(t, { pullThrough: createMemoryPullThrough({ manifests: [manifest] }) });
  for (const authorization of ['Basic aHViOnMzY3JldA==', 'Bearer x', '\u00ff', '']) {
    const { status } = await sendRequest(`${url}/v2/a/manifests/x`, { headers: { authorization } });
    assert.equal(status, 200);
  }
  await until(() => log.length === 4);
  for (const { user } of log) assert.equal(user, undefined);
});

test('a client whom a reload no longer accepts gets nothing, although the request began before it', async (t) => {
  let [revision, authenticator] = [1, acceptAllClients()];
  const admitting = Promise.withResolvers<void>();
  const admits = Promise.withResolvers<void>();
  const limits: ClientLimits = {
    ...unlimited,
    async admit() {
      admitting.resolve();
      await admits.promise;
      return { isAdmitted: true };
    },
  };
  const pullThrough = createMemoryPullThrough({ manifests: [manifest] });
  const { url } = await startFrontend(t, {
    pullThrough,
    limits,
    revision: () => revision,
    authenticator: followAuthenticator(() => authenticator),
  });
  const pulling = sendRequest(`${url}/v2/a/manifests/x`);
  await admitting.promise;
  [revision, authenticator] = [2, onlyAda];
  admits.resolve();
  const { status, headers } = await pulling;
  assert.equal(status, 401);
  assert.match(String(headers['www-authenticate']), /^Basic /);
  assert.deepEqual(pullThrough.calls, []);
  const ada = await sendRequest(`${url}/v2/a/manifests/x`, { headers: { authorization: 'Basic ada' } });
  assert.equal(ada.status, 200);
});
