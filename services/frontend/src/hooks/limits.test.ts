// The limits of one client, as seen by clients.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthenticator, createAuthorize, createMemoryTokenKeys } from '@cistern/auth';
import { createAccessTokens } from '@cistern/auth/tokens';
import { createClientLimits } from '@cistern/auth/limits';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { openRawConnection, requestText } from '../testing/raw-connection.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const blob = Buffer.alloc(10_000);
const path = `/v2/library/app/blobs/${digestOf(blob)}`;
const log = { warn() {} };

const limitsOf = (limits: { requestsPerMinute?: number; bytesPerDay?: number }) =>
  createClientLimits({ requestsPerMinute: undefined, bytesPerDay: undefined, shared: undefined, log, ...limits });

test('a request beyond the limit gets a Retry-After', async (t) => {
  const limits = limitsOf({ requestsPerMinute: 2 });
  const { url, metrics, log: lines } = await startFrontend(t, { limits });
  for (let count = 0; count < 2; count += 1) assert.equal((await sendRequest(`${url}/v2/`)).status, 200);
  const refused = await sendRequest(`${url}/v2/`);
  // Clients in mirror mode get 503, so that they fall back to the origin.
  assert.equal(refused.status, 503);
  assert.match(errorsOf(refused)[0]?.message ?? '', /exceeded its requests per minute/);
  assert.ok(Number(refused.headers['retry-after']) >= 1);
  assert.deepEqual((await metrics.limited.get()).values.find(({ labels }) => labels.limit === 'requests')?.value, 1);
  assert.ok(lines.some(({ denied }) => denied === 'limit of requests exceeded'));
});

/**
 * The password of all users is `right`. The first check of a password takes as long as with bcrypt. A user whose password was
 * right once needs no further check.
 */
function createSlowAuthenticator() {
  let checks = 0;
  const known = new Set<string>();
  const authenticator = createAuthenticator({
    challenge: { scheme: 'basic', realm: 'r' },
    passwords: [
      async ({ user, password, beforeCheck }) => {
        if (!known.has(user)) {
          await beforeCheck?.();
          checks += 1;
        }
        if (password !== 'right') return undefined;
        known.add(user);
        return { result: 'accepted', method: 'password', identity: { name: user, method: 'password' } };
      },
    ],
    tokens: [],
  });
  return { authenticator, checks: () => checks };
}

const login = (pair: string) => ({ authorization: `Basic ${Buffer.from(pair).toString('base64')}` });

test('refused requests count for their address, and beyond the limit no password is checked', async (t) => {
  const { authenticator, checks } = createSlowAuthenticator();
  const { url } = await startFrontend(t, { authenticator, limits: limitsOf({ requestsPerMinute: 4 }) });
  const statusOf = async (headers: Record<string, string>, method = 'GET') =>
    (await sendRequest(`${url}/v2/`, { headers, method })).status;
  assert.equal(await statusOf(login('ada:right')), 200);
  assert.deepEqual([await statusOf({}), await statusOf({}, 'PUT')], [401, 401]);
  assert.deepEqual([await statusOf(login('bob:1')), await statusOf(login('bob:2'))], [401, 401]);
  assert.equal(checks(), 3);
  // Clients in mirror mode get 503 instead of 429.
  for (let count = 0; count < 3; count += 1) assert.equal(await statusOf(login('bob:right')), 503);
  assert.equal(checks(), 3);
  assert.equal(await statusOf(login('ada:right')), 200, 'an authenticated user has a separate count');
});

test('simultaneous guesses get no more checks than the limit', async (t) => {
  const { authenticator, checks } = createSlowAuthenticator();
  const { url } = await startFrontend(t, { authenticator, limits: limitsOf({ requestsPerMinute: 5 }) });
  const guesses = Array.from({ length: 30 }, (_, at) => sendRequest(`${url}/v2/`, { headers: login(`u${at}:x`) }));
  const statuses = (await Promise.all(guesses)).map(({ status }) => status);
  assert.deepEqual([checks(), statuses.filter((status) => status === 401).length], [5, 5]);
});

test('denied requests and writes count for the user', async (t) => {
  const { authenticator } = createSlowAuthenticator();
  const authorize = createAuthorize({ rules: [], fallback: 'deny' });
  const { url } = await startFrontend(t, { authenticator, authorize, limits: limitsOf({ requestsPerMinute: 2 }) });
  const headers = login('ada:right');
  assert.equal((await sendRequest(`${url}/v2/a/manifests/x`, { headers })).status, 403);
  assert.equal((await sendRequest(`${url}/v2/a/manifests/x`, { headers, method: 'PUT' })).status, 405);
  assert.equal((await sendRequest(`${url}/v2/a/manifests/x`, { headers })).status, 503);
});

test('requests for tokens count, accepted or not', async (t) => {
  const { authenticator } = createSlowAuthenticator();
  const accessTokens = createAccessTokens({
    keys: createMemoryTokenKeys(),
    service: 'the cache',
    lifetimeMs: 300_000,
    now: Date.now,
  });
  const { url } = await startFrontend(t, {
    authenticator,
    tokenServer: () => ({ accessTokens, realm: 'people' }),
    limits: limitsOf({ requestsPerMinute: 2 }),
  });
  const statusOf = async (pair: string) => (await sendRequest(`${url}/token`, { headers: login(pair) })).status;
  for (const status of [200, 200, 503]) assert.equal(await statusOf('ada:right'), status);
  for (const status of [401, 401, 503]) assert.equal(await statusOf('bob:wrong'), status);
});

test('requests for tokens of upstreams that verify callers count, too', async (t) => {
  const callerSeal = { close: () => 'sealed', open: () => undefined };
  const { url } = await startFrontend(t, { callerSeal, limits: limitsOf({ requestsPerMinute: 2 }) });
  for (const status of [200, 200, 503]) assert.equal((await sendRequest(`${url}/token`)).status, status);
});

test('bytes count after they are sent', async (t) => {
  const limits = limitsOf({ bytesPerDay: 25_000 });
  const pullThrough = createMemoryPullThrough({ blobs: [blob] });
  const { url } = await startFrontend(t, { limits, pullThrough });
  const statuses: number[] = [];
  for (let count = 0; count < 4; count += 1) statuses.push((await sendRequest(url + path)).status);
  assert.deepEqual(statuses, [200, 200, 200, 503]);
});

test('clients of excepted networks have no limits', async (t) => {
  const limits = limitsOf({ requestsPerMinute: 1 });
  const { url } = await startFrontend(t, {
    limits,
    maxConnections: () => 1,
    isExcepted: () => true,
    isUnlimited: () => true,
  });
  const answers = await Promise.all(Array.from({ length: 10 }, () => sendRequest(`${url}/v2/`)));
  assert.ok(answers.every(({ status }) => status === 200));
});

test('a connection beyond the limit is closed, and a new one is accepted after another one ends', async (t) => {
  const { port, metrics } = await startFrontend(t, { maxConnections: () => 2 });
  const [first] = [await openRawConnection(t, port), await openRawConnection(t, port)];
  const third = await openRawConnection(t, port);
  await third.closed;
  assert.equal((await metrics.limited.get()).values.find(({ labels }) => labels.limit === 'connections')?.value, 1);
  first.socket.destroy();
  await first.closed;
  const answerToAnother = async () => {
    const another = await openRawConnection(t, port);
    another.socket.write(requestText('/v2/', ['Connection: close']));
    await another.closed;
    return another.received().toString('latin1');
  };
  let answer = await answerToAnother();
  // The frontend may notice the end of a connection a moment after the client.
  for (let tries = 20; answer === '' && tries > 0; tries -= 1) answer = await answerToAnother();
  assert.match(answer, /^HTTP\/1\.1 200 /);
});

test('all addresses of an IPv6 network count as one client', async (t) => {
  const { url } = await startFrontend(t, {
    limits: limitsOf({ requestsPerMinute: 1 }),
    trustedProxies: ['127.0.0.0/8'],
  });
  const statusFrom = async (address: string) =>
    (await sendRequest(`${url}/v2/`, { headers: { 'x-forwarded-for': address } })).status;
  assert.equal(await statusFrom('2001:db8::1'), 200);
  assert.equal(await statusFrom('2001:db8::2'), 503);
  assert.equal(await statusFrom('2001:db8:0:1::2'), 200);
});
