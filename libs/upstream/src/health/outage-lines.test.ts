import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { openOn, startServer } from '../testing/scripted-server.ts';

test('an upstream that stays unavailable is one line a minute, and one that answers pings is none', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 2, connection: 'close' }).end('{}');
  });
  let isReachable = false;
  const { upstream, metrics, logLines } = openOn(t, `http://registry.example:${server.port}`, {
    lookup(_host, options, found) {
      if (!isReachable) found(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }), '');
      else if (options.all === true) found(null, [{ address: '127.0.0.1', family: 4 }]);
      else found(null, '127.0.0.1', 4);
    },
  });
  const pull = (name: string) =>
    upstream.getManifest(parseRepositoryName(name), parseReference('latest')).catch(() => undefined);
  const linesOf = (msg: string) =>
    logLines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['msg'] === msg);

  for (let failures = 0; failures < 5; failures += 1) await pull(`a/${failures}`);
  const [began] = linesOf('circuit breaker opened');
  assert.deepEqual(Object.keys(began?.['err'] as object), ['message', 'code']);
  for (let minute = 0; minute < 3; minute += 1) {
    await pull('a/b');
    await delay(60_000);
  }
  const lasting = linesOf('circuit breaker still open');
  const { seconds, skipped } = lasting.at(-1) ?? {};
  assert.deepEqual([lasting.length, seconds, skipped], [3, 180, 3]);

  isReachable = true;
  await until(async () => (await metrics.upstreamEndpointState.get()).values[0]?.value === 1);
  await delay(70_000);
  assert.equal(linesOf('circuit breaker still open').length, 3);
  await pull('a/b');
  assert.equal(linesOf('circuit breaker closed').length, 1);
});
