import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { parseReference, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { openOn, startServer } from '../testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const breakerPauses = { firstMs: 20, longestMs: 40 };

/** A registry that answers everything with `status()`, and an upstream on it. */
async function start(t: TestContext, status: () => number) {
  const server = await startServer(t, ({ url }, response) => {
    const now = url === '/v2/' && status() === 200 ? 401 : status();
    // With a Retry-After nothing is tried again.
    response.writeHead(now, { 'retry-after': '1', 'content-length': 2 }).end('{}');
  });
  const opened = openOn(t, server.url, { breakerPauses });
  const manifests = (): number => server.requests.filter(({ path }) => path.includes('/manifests/')).length;
  const ask = (): Promise<string> =>
    opened.upstream.getManifest(repository, latest).then(
      () => 'answered',
      (error: unknown) => (isCacheError(error) ? error.kind : String(error)),
    );
  const state = async (): Promise<number | undefined> =>
    (await opened.metrics.upstreamEndpointState.get()).values[0]?.value;
  return { ...opened, server, manifests, ask, state };
}

test('a registry that fails five times is left alone, and used again when it gives a sign of life and a call succeeds', async (t) => {
  let status = 503;
  const { ask, manifests, state, metrics, logLines } = await start(t, () => status);
  for (let failures = 0; failures < 5; failures += 1) assert.equal(await ask(), 'upstream-unreachable');
  assert.equal(await state(), 2);
  assert.equal(await ask(), 'upstream-unreachable');
  assert.equal(manifests(), 5, 'the sixth call did not reach it');
  status = 200;
  await until(async () => (await state()) === 1);
  assert.equal(await ask(), 'answered');
  assert.equal(await state(), 0);
  assert.equal(logLines.filter((line) => line.includes('answers again')).length, 1);
  const { values } = await metrics.upstreamEndpointTransitions.get();
  const count = (to: string): number => values.find(({ labels }) => labels.to === to)?.value ?? 0;
  assert.equal(count('closed'), 1);
  assert.ok(count('open') >= 1 && count('half-open') >= 1);
  const told = logLines.map((line) => JSON.parse(line) as { level: string; msg: string });
  const warnings = told.filter(({ level }) => level === 'warn');
  assert.deepEqual(
    warnings.map(({ msg }) => msg),
    ['an upstream registry fails and is left alone'],
    'one line however often it is probed in vain',
  );
});

for (const status of [401, 403, 404, 429])
  test(`a registry that answers ${status} is well`, async (t) => {
    const { ask, state } = await start(t, () => status);
    for (let calls = 0; calls < 7; calls += 1) await ask();
    assert.equal(await state(), 0);
  });

test('a success between failures, and callers that leave, keep a registry in use', async (t) => {
  let status = 503;
  const { ask, state, upstream, server } = await start(t, () => status);
  for (let failures = 0; failures < 4; failures += 1) await ask();
  status = 200;
  await ask();
  status = 503;
  for (let failures = 0; failures < 4; failures += 1) await ask();
  assert.equal(await state(), 0);
  const leaving = Array.from({ length: 5 }, async () => {
    const controller = new AbortController();
    const call = upstream.getManifest(repository, latest, { signal: controller.signal });
    controller.abort(new Error('left'));
    await assert.rejects(call, /left/);
  });
  await Promise.all(leaving);
  assert.equal(await state(), 0);
  assert.ok(server.requests.length >= 9);
});

test('behind a front that answers, one call at a time finds out that the registry still fails', async (t) => {
  let isWell = true;
  let held: (() => void) | undefined;
  const server = await startServer(t, ({ url }, response) => {
    if (url === '/v2/') response.writeHead(401).end();
    else if (isWell) response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
    else held = () => void response.writeHead(503, { 'retry-after': '1' }).end();
  });
  const { upstream, metrics } = openOn(t, server.url, { breakerPauses });
  const state = async (): Promise<number | undefined> => (await metrics.upstreamEndpointState.get()).values[0]?.value;
  const fails = (): Promise<void> => assert.rejects(upstream.getManifest(repository, latest));
  isWell = false;
  for (let failures = 0; failures < 5; failures += 1) {
    const failing = fails();
    await until(() => held !== undefined);
    held?.();
    held = undefined;
    await failing;
  }
  await until(async () => (await state()) === 1);
  const before = server.requests.length;
  const trial = fails();
  await until(() => held !== undefined);
  for (let others = 0; others < 10; others += 1) await fails();
  assert.equal(server.requests.length, before + 1, 'nobody waits beside the one that tries');
  held?.();
  await trial;
  assert.notEqual(await state(), 0);
  await until(async () => (await state()) === 1);
  isWell = true;
  await upstream.getManifest(repository, latest);
  assert.equal(await state(), 0);
});

test('nothing is probed any more once it is closed', async (t) => {
  const { ask, upstream, server } = await start(t, () => 503);
  for (let failures = 0; failures < 5; failures += 1) await ask();
  await upstream.close();
  const before = server.requests.length;
  await new Promise((resolve) => {
    setTimeout(resolve, 150);
  });
  assert.equal(server.requests.length, before);
});
