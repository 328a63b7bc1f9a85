import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import { digestOf, parseReference, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { createLogger } from '@cistern/telemetry';
import { openOn, startServer } from '../testing/scripted-server.ts';

/** Opens an upstream whose registry answers all requests with `status()` while it is reachable. */
async function start(t: TestContext, status: (path: string) => number = () => 200) {
  const server = await startServer(t, ({ url = '' }, response) => {
    response.writeHead(status(url), { 'content-length': 2, connection: 'close' }).end('{}');
  });
  const registry = { isReachable: false };
  const { log, lines } = openLog();
  const { upstream, metrics } = openOn(t, `http://registry.example:${server.port}`, {
    log,
    lookup(_host, options, found) {
      if (!registry.isReachable) found(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');
      else if (options.all === true) found(null, [{ address: '127.0.0.1', family: 4 }]);
      else found(null, '127.0.0.1', 4);
    },
  });
  const pull = (name: string) =>
    upstream.getManifest(parseRepositoryName(name), parseReference('latest')).catch((error: unknown) => error);
  const linesOf = (msg: string) => lines.filter((line) => line['msg'] === msg);
  return {
    log,
    registry,
    pull,
    linesOf,
    messages: () => lines.map(({ msg }) => msg),
    async open() {
      for (let failures = 0; failures < 5; failures += 1) await pull(`a/${failures}`);
    },
    untilAlive: () => until(async () => (await metrics.upstreamEndpointState.get()).values[0]?.value === 1),
    fetchLayer: () =>
      upstream
        .getBlob(parseRepositoryName('a/b'), digestOf(Buffer.from('layer')), { isExtra: true })
        .catch((error: unknown) => error),
  };
}

function openLog() {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>);
  return { lines, log: createLogger({ level: 'info', formatter: 'json', destination: { write } }) };
}

test('an upstream that stays unavailable is one line a minute', async (t) => {
  const { open, pull, linesOf, registry, untilAlive } = await start(t);
  await open();
  const [began] = linesOf('circuit breaker opened');
  assert.deepEqual(Object.keys(began?.['err'] as object), ['message', 'code']);
  for (let minute = 0; minute < 3; minute += 1) {
    await pull('a/b');
    await delay(60_000);
  }
  const lasting = linesOf('circuit breaker still open');
  const { seconds, skipped } = lasting.at(-1) ?? {};
  assert.deepEqual([lasting.length, seconds, skipped], [3, 180, 3]);
  registry.isReachable = true;
  await untilAlive();
  await pull('a/b');
  assert.equal(linesOf('circuit breaker closed').length, 1);
});

test('an outage ends within a minute if the registry answers pings and gets no request', async (t) => {
  const { open, pull, messages, registry, untilAlive } = await start(t);
  await open();
  registry.isReachable = true;
  await untilAlive();
  await delay(130_000);
  await pull('a/b');
  assert.deepEqual(messages(), ['circuit breaker opened', 'circuit breaker half-open']);
});

test('an outage ends with an answer to a request that does not close the breaker', async (t) => {
  const { open, fetchLayer, messages, registry, untilAlive } = await start(t);
  await open();
  registry.isReachable = true;
  await untilAlive();
  await fetchLayer();
  assert.deepEqual(messages(), ['circuit breaker opened', 'circuit breaker half-open']);
});

test('an outage of a registry that answers pings and fails all requests is one outage', async (t) => {
  let status = 200;
  const { pull, messages, registry } = await start(t, (path) => (path === '/v2/' ? 200 : status));
  registry.isReachable = true;
  // Failures of repositories count only after they have succeeded.
  for (let second = 0; second < 130; second += 1) await pull(`a/${second}`);
  status = 503;
  for (let second = 0; second < 130; second += 1) {
    await pull(`a/${second}`);
    await delay(1000);
  }
  assert.deepEqual(messages(), ['circuit breaker opened', 'circuit breaker still open', 'circuit breaker still open']);
});

test('an outage explains what its registry does not answer, and nothing else of the upstream', async (t) => {
  const { log, open, pull, messages, registry, untilAlive } = await start(t);
  await open();
  const consequence = await pull('a/b');
  log.warn({ err: consequence }, 'consequence');
  const { name, host } = { name: 'test', host: 'alternate.example' };
  for (const [why, detail] of Object.entries({
    'an alternate fails': { upstream: name, host },
    'an operator has switched it offline': { upstream: name, offline: true },
    'another upstream fails': { ...((consequence as CacheError).detail as object), upstream: 'other' },
    'the registry refuses a request': { ...((consequence as CacheError).detail as object), status: 400 },
  }))
    log.warn({ upstream: name, err: new CacheError('upstream-unreachable', 'No.', { detail }) }, why);
  registry.isReachable = true;
  await untilAlive();
  log.warn({ err: consequence }, 'after the first ping that is answered');
  assert.deepEqual(messages(), [
    'circuit breaker opened',
    'an alternate fails',
    'an operator has switched it offline',
    'another upstream fails',
    'the registry refuses a request',
    'after the first ping that is answered',
  ]);
});
