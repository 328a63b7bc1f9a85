import assert from 'node:assert/strict';
import type { LookupFunction } from 'node:net';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseRepositoryName, type RepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import type { BreakerPauses } from './breaker.ts';
import { openOn, startServer } from '../testing/scripted-server.ts';
import type { Upstream } from '../upstream.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const breakerPauses = { firstMs: 20, longestMs: 40 };

/** Starts a registry that answers all requests with `status()` while it is reachable, and opens an upstream on it. */
async function start(
  t: TestContext,
  status: (path: string) => number = () => 200,
  pauses: BreakerPauses | undefined = breakerPauses,
) {
  const server = await startServer(t, ({ url = '' }, response) => {
    // A Retry-After prevents retries.
    const headers = { 'retry-after': '1', 'content-length': 2, connection: 'close' };
    response.writeHead(url === '/v2/' ? 401 : status(url), headers).end('{}');
  });
  let isReachable = true;
  let laterMs = 0;
  const lookup: LookupFunction = (_host, options, found) => {
    if (!isReachable) found(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');
    else if (options.all) found(null, [{ address: '127.0.0.1', family: 4 }]);
    else found(null, '127.0.0.1', 4);
  };
  const setReachable = (to: boolean): void => void (isReachable = to);
  const wait = (ms: number): void => void (laterMs += ms);
  const opened = openOn(t, `http://registry.example:${server.port}`, {
    lookup,
    breakerPauses: pauses,
    clock: () => Date.now() + laterMs,
  });
  const manifests = (): number => server.requests.filter(({ path }) => path.includes('/manifests/')).length;
  const pull = (name: string = repository): Promise<string> =>
    opened.upstream.getManifest(parseRepositoryName(name), latest).then(
      () => 'answered',
      (error: unknown) => (isCacheError(error) ? error.kind : String(error)),
    );
  const state = async (): Promise<number | undefined> =>
    (await opened.metrics.upstreamEndpointState.get()).values[0]?.value;
  return { ...opened, server, manifests, pull, state, setReachable, wait };
}

test('the breaker opens after five failed connections, and closes after a ping and a call succeed', async (t) => {
  const { pull, manifests, state, setReachable, metrics, logLines } = await start(t);
  setReachable(false);
  for (let failures = 0; failures < 5; failures += 1) {
    assert.equal(await state(), 0);
    assert.equal(await pull(`a/${failures}`), 'upstream-unreachable');
  }
  assert.equal(await state(), 2);
  setReachable(true);
  assert.equal(await pull('a/other'), 'upstream-unreachable');
  assert.equal(manifests(), 0, 'the sixth call did not reach the registry');
  await until(async () => (await state()) === 1);
  assert.equal(await pull(), 'answered');
  assert.equal(await state(), 0);
  assert.equal(logLines.filter((line) => line.includes('circuit breaker closed')).length, 1);
  const { values } = await metrics.upstreamEndpointTransitions.get();
  const count = (to: string): number => values.find(({ labels }) => labels.to === to)?.value ?? 0;
  assert.equal(count('closed'), 1);
  assert.ok(count('open') >= 1 && count('half-open') >= 1);
  const lines = logLines.map((line) => JSON.parse(line) as { level: string; msg: string });
  const warnings = lines.filter(({ level }) => level === 'warn');
  assert.deepEqual(
    warnings.map(({ msg }) => msg),
    ['circuit breaker opened', 'circuit breaker closed'],
    'failed pings log no further warning',
  );
});

const subject = digestOf(Buffer.from('subject'));
for (const [broken, isBroken, call] of [
  [
    'manifests of a repository',
    (path: string) => path.includes('/a/broken/'),
    (upstream: Upstream) => upstream.getManifest(parseRepositoryName('a/broken'), latest),
  ],
  [
    'all referrers',
    (path: string) => path.includes('/referrers/'),
    (upstream: Upstream, client: number) => upstream.listReferrers(parseRepositoryName(`b/${client}`), subject, {}),
  ],
] as const)
  test(`failures of ${broken} for four retrying clients reject no cold pull of other repositories`, async (t) => {
    const { pull, upstream, server, state } = await start(t, (path) => (isBroken(path) ? 500 : 200), {
      firstMs: 1_000,
      longestMs: 10_000,
    });
    let isOver = false;
    const refused: string[] = [];
    const clients = Array.from({ length: 4 }, async (_, client) => {
      while (!isOver) {
        await call(upstream, client).catch(() => {});
        await delay(100);
      }
    });
    for (let count = 0; count < 29; count += 1) {
      const result = await pull(`healthy/${count}`);
      if (result !== 'answered') refused.push(result);
      await delay(300);
    }
    isOver = true;
    await Promise.all(clients);
    assert.deepEqual(refused, []);
    assert.equal(await state(), 0);
    const sent = server.requests.filter(({ path }) => isBroken(path)).length;
    assert.ok(sent <= 4 * 5, `${sent} requests in 9 seconds`);
  });

test('the breaker closes after the clock of the machine was set back', async (t) => {
  const { pull, state, setReachable } = await start(t);
  setReachable(false);
  for (let failures = 0; failures < 5; failures += 1) await pull(`a/${failures}`);
  assert.equal(await state(), 2);
  const { Date: right } = globalThis;
  class LateDate extends right {
    static override now = (): number => right.now() - 3_600_000;
  }
  t.mock.property(globalThis, 'Date', LateDate as DateConstructor);
  setReachable(true);
  await until(async () => (await state()) === 1);
  assert.equal(await pull(), 'answered');
  assert.equal(await state(), 0);
});

test('the third failure in a row of a repository is remembered for one second, and the next ones for longer', async (t) => {
  let status = 500;
  const { upstream, manifests, wait } = await start(t, () => status);
  const failureMs = (): Promise<number | undefined> =>
    upstream.getManifest(repository, latest).then(
      () => undefined,
      (error: unknown) => {
        assert.ok(isCacheError(error, 'upstream-unreachable'), String(error));
        return error.retryAfterMs;
      },
    );
  const free = 2;
  for (let sent = 0; sent < free; sent += 1) {
    // The Retry-After of the registry is one second.
    assert.equal(await failureMs(), 1_000);
    wait(1_000);
  }
  for (const [sent, holdMs] of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000].entries()) {
    assert.equal(await failureMs(), holdMs);
    wait(holdMs / 2);
    assert.equal(await failureMs(), holdMs / 2);
    assert.equal(manifests(), free + sent + 1);
    wait(holdMs / 2);
  }
  status = 200;
  assert.equal(await failureMs(), undefined);
  status = 500;
  assert.equal(await failureMs(), 1_000);
});

test('a broken endpoint of a repository does not affect its other endpoints', async (t) => {
  const { pull, upstream } = await start(t, (path) => (path.includes('/referrers/') ? 500 : 200));
  for (let calls = 0; calls < 2; calls += 1) {
    await assert.rejects(upstream.listReferrers(repository, subject, {}));
    assert.equal(await pull(), 'answered');
  }
});

test('calls that fail at the same time count as one failure, and only one of them tries again', async (t) => {
  const { pull, manifests, wait } = await start(t, () => 500);
  for (let failed = 0; failed < 2; failed += 1) {
    await pull();
    wait(1_000);
  }
  await Promise.all([pull(), pull(), pull(), pull()]);
  assert.equal(manifests(), 6);
  wait(1_000);
  await Promise.all([pull(), pull(), pull(), pull()]);
  assert.equal(manifests(), 7);
});

test('the breaker opens when three repositories that succeeded within the hour fail in a row', async (t) => {
  let status = 200;
  const { pull, state, wait } = await start(t, () => status);
  for (const name of ['a/1', 'a/2', 'a/3', 'a/4']) assert.equal(await pull(name), 'answered');
  status = 503;
  for (const name of ['b/1', 'b/2', 'b/3', 'b/4', 'a/1', 'a/2']) await pull(name);
  assert.equal(await state(), 0, 'four of them had never succeeded');
  status = 200;
  assert.equal(await pull('a/4'), 'answered');
  status = 503;
  for (const name of ['a/3', 'a/4']) await pull(name);
  assert.equal(await state(), 0, 'a call succeeded between the failures');
  wait(60_000);
  await pull('a/1');
  assert.equal(await state(), 2);
  await until(async () => (await state()) === 1);
  status = 200;
  assert.equal(await pull('b/5'), 'answered');
  assert.equal(await state(), 0);
  wait(3_700_000);
  status = 503;
  for (const name of ['a/1', 'a/2', 'a/3', 'a/4']) await pull(name);
  assert.equal(await state(), 0, 'their successes are more than an hour old');
});

for (const status of [401, 403, 404, 429])
  test(`the breaker stays closed for a registry that answers ${status}`, async (t) => {
    const { pull, state } = await start(t, () => status);
    for (let calls = 0; calls < 7; calls += 1) await pull();
    assert.equal(await state(), 0);
  });

test('an answer between failures keeps the breaker closed, and calls that their caller aborts do not count', async (t) => {
  const { pull, state, upstream, setReachable } = await start(t);
  const fail = async (): Promise<void> => {
    setReachable(false);
    for (let failures = 0; failures < 4; failures += 1) assert.equal(await pull(), 'upstream-unreachable');
    setReachable(true);
  };
  await fail();
  assert.equal(await pull(), 'answered');
  await fail();
  assert.equal(await state(), 0);
  const leaving = Array.from({ length: 5 }, async () => {
    const controller = new AbortController();
    const call = upstream.getManifest(repository, latest, { signal: controller.signal });
    controller.abort(new Error('left'));
    await assert.rejects(call, /left/);
  });
  await Promise.all(leaving);
  assert.equal(await state(), 0);
});

test('one trial call at a time tests a registry whose front end answers pings', async (t) => {
  let isHealthy = true;
  let held: (() => void) | undefined;
  const server = await startServer(t, ({ url }, response) => {
    if (url === '/v2/') response.writeHead(401).end();
    else if (isHealthy) response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    else held = () => void response.writeHead(503, { 'retry-after': '1' }).end();
  });
  const { upstream, metrics } = openOn(t, server.url, { breakerPauses });
  const state = async (): Promise<number | undefined> => (await metrics.upstreamEndpointState.get()).values[0]?.value;
  const repositories = ['a/0', 'a/1', 'a/2', 'a/3'].map(parseRepositoryName);
  for (const name of repositories) await upstream.getManifest(name, latest);
  const fails = (name: RepositoryName): Promise<void> => assert.rejects(upstream.getManifest(name, latest));
  isHealthy = false;
  for (const name of repositories.slice(0, 3)) {
    const failing = fails(name);
    await until(() => held !== undefined);
    held?.();
    held = undefined;
    await failing;
  }
  await until(async () => (await state()) === 1);
  const before = server.requests.length;
  const trial = fails(repositories[3]!);
  await until(() => held !== undefined);
  for (let others = 0; others < 10; others += 1) await fails(parseRepositoryName(`other/${others}`));
  assert.equal(server.requests.length, before + 1, 'other calls fail immediately during the trial call');
  held?.();
  await trial;
  assert.notEqual(await state(), 0);
  await until(async () => (await state()) === 1);
  isHealthy = true;
  await upstream.getManifest(parseRepositoryName('b/b'), latest);
  assert.equal(await state(), 0);
});

test('a closed upstream sends no pings', async (t) => {
  const { pull, upstream, server, state, setReachable } = await start(t);
  setReachable(false);
  for (let failures = 0; failures < 5; failures += 1) await pull();
  assert.equal(await state(), 2);
  await upstream.close();
  setReachable(true);
  await delay(10_000);
  assert.equal(server.requests.length, 0);
});
