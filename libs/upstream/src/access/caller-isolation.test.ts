// The answer of a registry to one caller affects neither our own calls nor other callers.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import type { LookupFunction } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { createBudgetLedger } from '../budget/budget-ledger.ts';
import { fixedCredentials } from '../credentials/credential-source.ts';
import type { OpenUpstreamOptions } from '../open/open-upstream.ts';
import { until } from '@cistern/runtime/testing';
import { type Answer, openOn, sendJson, startServer } from '../testing/scripted-server.ts';
import { startRegistry } from '../testing/start-registry.ts';
import type { CallerCredentials } from '../upstream.ts';
import { openCallers } from './open-callers.ts';

const repository = parseRepositoryName('team/secret');
const other = parseRepositoryName('team/other');
const latest = parseReference('latest');
const tag = { kind: 'manifest', reference: latest } as const;
const ada: CallerCredentials = { kind: 'password', username: 'ada', password: 'password-of-ada' };
const stranger = { kind: 'password', username: 'ada', password: 'a guess' } as const;
const robot = { username: 'robot', password: 'password-of-robot' };

const basic = ({ username, password }: { readonly username: string; readonly password: string }) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

const createMeasures = () => ({
  metrics: createMetrics({ upstreams: ['test'] }),
  log: createLogger({ level: 'error', formatter: 'json', destination: { write() {} } }),
});

const challenge: Answer = (_request, response) =>
  response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end();
const yes: Answer = (_request, response) =>
  response.writeHead(200, { 'content-length': 2, 'content-type': 'application/json' }).end('{}');

const throttled: Answer = (_request, response) => response.writeHead(429, { 'retry-after': '60' }).end();
const broken: Answer = (request) => request.socket.destroy();

async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'yes';
  } catch (error) {
    return isCacheError(error) ? error.kind : String(error);
  }
}

/** Starts a registry that requires Basic. `toStranger` and `toUs` answer the stranger and our own account. */
async function start(
  t: TestContext,
  { toStranger = yes, toUs = yes }: { readonly toStranger?: Answer; readonly toUs?: Answer },
  options: Partial<OpenUpstreamOptions> = {},
) {
  const answers = new Map([
    [basic(stranger), toStranger],
    [basic(robot), toUs],
  ]);
  const server = await startServer(t, (request, response) => {
    const { authorization } = request.headers;
    // The breaker pings this path.
    const isPing = request.url === '/v2/';
    const answer = authorization === undefined || isPing ? challenge : (answers.get(authorization) ?? yes);
    return answer(request, response);
  });
  const credentials = [fixedCredentials('own', robot)];
  const opened = openOn(t, server.url, { credentials, ...options });
  const { upstream, metrics } = opened;
  return {
    ...opened,
    server,
    check: (caller: CallerCredentials, of = repository) => outcome(upstream.checkAccess(of, tag, caller)),
    pull: (from = repository) => outcome(upstream.getManifest(from, latest)),
    breaker: async () => (await metrics.upstreamEndpointState.get()).values[0]?.value,
  };
}

test('a 429 to one caller pauses that caller and repository until its Retry-After', async (t) => {
  const { check, pull, server } = await start(t, { toStranger: throttled });
  assert.equal(await check(stranger), 'upstream-rate-limited');
  assert.deepEqual(
    [await check(ada), await pull(), await check({ kind: 'anonymous' })],
    ['yes', 'yes', 'unauthenticated'],
  );
  const sent = server.requests.length;
  assert.equal(await check(stranger), 'upstream-rate-limited');
  assert.equal(server.requests.length, sent, 'no request is sent during the pause');
  assert.equal(await check(stranger, other), 'upstream-rate-limited');
  assert.ok(server.requests.length > sent, 'another repository has a pause of its own');
  await delay(80_000);
  const before = server.requests.length;
  await check(stranger);
  assert.ok(server.requests.length > before, 'requests resume after the pause');
});

test("a token server's 429 to one caller pauses no other caller", async (t) => {
  const tokens = await startServer(t, ({ headers }, response) =>
    headers.authorization === basic(stranger)
      ? response.writeHead(429, { 'retry-after': '60' }).end()
      : sendJson(response, 200, { token: 'given' }),
  );
  const server = await startServer(t, (request, response) =>
    request.headers.authorization === 'Bearer given'
      ? yes(request, response)
      : response.writeHead(401, { 'www-authenticate': `Bearer realm="${tokens.url}/token",service="x"` }).end(),
  );
  const { upstream } = openOn(t, server.url, { credentials: [fixedCredentials('own', robot)] });
  for (let count = 0; count < 2; count += 1)
    await assert.rejects(upstream.checkAccess(repository, tag, stranger), (error) =>
      isCacheError(error, 'upstream-rate-limited'),
    );
  assert.equal(tokens.requests.length, 1);
  await upstream.checkAccess(repository, tag, ada);
  await upstream.getManifest(repository, latest);
});

const failing: Readonly<Record<string, Answer>> = {
  'a 500': (_request, response) => response.writeHead(500, { 'retry-after': '1' }).end(),
  'a connection that breaks': broken,
};
for (const [name, answer] of Object.entries(failing))
  test(`${name} for one caller, even repeated, opens the breaker of that caller only`, async (t) => {
    const { check, pull, breaker, server } = await start(t, { toStranger: answer });
    for (let count = 0; count < 5; count += 1) assert.equal(await check(stranger), 'upstream-unreachable');
    const sent = server.requests.length;
    assert.equal(await check(stranger), 'upstream-unreachable');
    assert.equal(server.requests.length, sent, 'no request is sent for that caller');
    assert.deepEqual([await breaker(), await pull(), await check(ada)], [0, 'yes', 'yes']);
    await delay(5_001);
    const before = server.requests.length;
    await check(stranger);
    assert.ok(server.requests.length > before, 'requests resume after some seconds');
  });

const lookup: LookupFunction = (_host, _options, found) =>
  found(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');

test('an open breaker of a caller reports a local failure when this worker caused it', async (t) => {
  const { upstream } = openOn(t, 'http://registry.example', { lookup });
  for (let count = 0; count < 6; count += 1)
    await assert.rejects(upstream.checkAccess(repository, tag, stranger), (error) => {
      assert.ok(isCacheError(error, 'upstream-unreachable'));
      assert.ok(error.isLocal, error.message);
      return true;
    });
});

test('failed access checks do not use the retry budget of our own calls', async (t) => {
  let breaks = true;
  const { check, pull } = await start(t, {
    toStranger: broken,
    toUs(request, response) {
      if (!breaks) return yes(request, response);
      breaks = false;
      return broken(request, response);
    },
  });
  for (let count = 0; count < 30; count += 1) await check(stranger, parseRepositoryName(`team/r${count}`));
  assert.equal(await pull(), 'yes');
  assert.equal(breaks, false);
});

test('access checks stop while our own account is paused', async (t) => {
  const { check, pull, server } = await start(t, { toUs: throttled });
  assert.equal(await pull(), 'upstream-rate-limited');
  const sent = server.requests.length;
  assert.equal(await check(ada), 'upstream-rate-limited');
  assert.equal(server.requests.length, sent);
});

test('access checks stop while the breaker of our own calls is open, and never open or close it', async (t) => {
  let toUs = yes;
  const { check, pull, breaker, server } = await start(
    t,
    { toUs: (request, response) => toUs(request, response) },
    // The pauses are shorter than the limit of `until`.
    { breakerPauses: { firstMs: 20_000, longestMs: 20_000 } },
  );
  const repositories = ['team/1', 'team/2', 'team/3'].map(parseRepositoryName);
  for (const one of repositories) assert.equal(await pull(one), 'yes');
  toUs = failing['a 500']!;
  for (const one of repositories) await pull(one);
  assert.equal(await breaker(), 2);
  const sent = server.requests.length;
  assert.equal(await check(ada), 'upstream-unreachable');
  assert.equal(server.requests.length, sent);
  // The ping succeeds. The breaker stays half-open until one of our own calls succeeds.
  await until(async () => (await breaker()) === 1);
  assert.equal(await check(ada), 'yes');
  assert.equal(await breaker(), 1);
});

test('our own calls do not use the authentication scheme of an access check', async (t) => {
  const { upstream, server } = await startRegistry(t, {}, { credentials: [fixedCredentials('own', robot)] });
  await upstream.checkAccess(repository, tag, ada);
  const before = server.requests.length;
  await upstream.headManifest(repository, latest);
  // The scheme was still unknown, so the first request carried no credentials.
  assert.deepEqual(
    server.requests.slice(before).map(({ headers }) => headers.authorization !== undefined),
    [false, true],
  );
});

test('access checks without an answer take no connection from other calls', async (t) => {
  const { check, pull, server } = await start(t, { toStranger: () => {} }, { maxConnections: 40 });
  const waiting = Array.from({ length: 100 }, (_, count) => check(stranger, parseRepositoryName(`team/r${count}`)));
  await until(() => server.openConnections() >= 32);
  for (let count = 0; count < 4; count += 1) assert.equal(await pull(), 'yes');
  // The sum of the connections for access checks, for our own calls and for pings.
  assert.ok(server.peakConnections() <= 32 + 4 + 2, `${server.peakConnections()} connections`);
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(['upstream-timeout']));
});

test('the last ten thousand callers are remembered', async () => {
  const statuses = [429];
  const callers = openCallers({
    ...createMeasures(),
    upstream: { name: 'test', url: new URL('http://registry.test') },
    silenceMs: 2_000,
    ping: async () => {},
    budget: createBudgetLedger({ ...createMeasures(), clock: Date.now }).open({
      upstream: 'test',
      endpoint: 'registry.test',
      reserve: undefined,
    }),
    guard: (next) => next,
    clock: Date.now,
    dial: async ({ url }) => ({ status: statuses.shift() ?? 200, headers: {}, url, body: Readable.from([]) }),
  });
  const send = async () => {
    const request = { operation: 'check-access', method: 'HEAD', headers: {}, maxBodyBytes: undefined } as const;
    const { signal } = new AbortController();
    return callers
      .transportOf(stranger, repository)
      .send({ ...request, url: new URL('http://registry.test/v2/'), signal })
      .then(
        ({ status }) => status,
        (error: unknown) => isCacheError(error) && error.kind,
      );
  };
  assert.deepEqual([await send(), await send()], [429, 'upstream-rate-limited']);
  for (let count = 0; count < 10_000; count += 1) callers.transportOf({ kind: 'token', token: `${count}` }, repository);
  assert.equal(await send(), 200);
  callers.close();
});
