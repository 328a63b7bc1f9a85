import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseRepositoryName } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { openOn, startServer } from '../testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const other = parseReference('other');
const blob = Buffer.from('a blob of some bytes');
const digest = digestOf(blob);
const optionsFor = (silenceMs: number) => ({
  timeouts: { silenceMs },
  breakerPauses: { firstMs: 20, longestMs: 40 },
});

const isSilent = (error: unknown): boolean =>
  isCacheError(error, 'upstream-timeout') && /sent nothing for [\d.]+ s/.test(error.message);

/** Starts a registry that answers the kinds of requests in `answering`. The other responses are in `held`, by path. */
async function start(t: TestContext, silenceMs = 200) {
  const answering = { ping: true, manifest: true, blob: true };
  const held = new Map<string, ServerResponse>();
  const answer = (path: string, response: ServerResponse): void => {
    if (path.includes('/blobs/')) {
      response.writeHead(200, { 'content-length': blob.length });
      response.write(blob.subarray(0, 4));
      held.set(path, response);
    } else response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  };
  const server = await startServer(t, ({ url = '' }, response) => {
    const kind = url === '/v2/' ? 'ping' : url.includes('/manifests/') ? 'manifest' : 'blob';
    if (answering[kind]) answer(url, response);
    else held.set(url, response);
  });
  const opened = openOn(t, server.url, optionsFor(silenceMs));
  const state = async (): Promise<number | undefined> =>
    (await opened.metrics.upstreamEndpointState.get()).values[0]?.value;
  const pings = (): number => server.requests.filter(({ path }) => path === '/v2/').length;
  return { ...opened, server, answering, held, answer, state, pings };
}

test('the silence of a registry ends all waiting calls and opens the breaker, which closes when the registry answers', async (t) => {
  const { upstream, server, answering, state } = await start(t);
  Object.assign(answering, { ping: false, manifest: false, blob: false });
  await Promise.all([
    assert.rejects(upstream.getManifest(repository, latest), isSilent),
    assert.rejects(upstream.headManifest(repository, other), isSilent),
    assert.rejects(upstream.getBlob(repository, digest), isSilent),
  ]);
  assert.equal(await state(), 2);
  const before = server.requests.filter(({ path }) => path !== '/v2/').length;
  await assert.rejects(upstream.getManifest(repository, latest), (error) =>
    isCacheError(error, 'upstream-unreachable'),
  );
  assert.equal(server.requests.filter(({ path }) => path !== '/v2/').length, before);
  await until(() => server.openConnections() <= 1);
  Object.assign(answering, { ping: true, manifest: true });
  await until(() =>
    upstream.getManifest(repository, latest).then(
      () => true,
      () => false,
    ),
  );
  assert.equal(await state(), 0);
});

test('a registry that accepts no connection counts as silent', async (t) => {
  const { upstream } = openOn(t, 'http://registry.example', { ...optionsFor(200), lookup: () => {} });
  await assert.rejects(upstream.getManifest(repository, latest), isSilent);
});

test('calls wait for a slow registry that answers pings', async (t) => {
  const { upstream, answering, held, answer, state, pings } = await start(t);
  answering.manifest = false;
  const slow = upstream.getManifest(repository, latest);
  await until(() => pings() >= 3);
  const [[path, response] = assert.fail('no response is held')] = held;
  answer(path, response);
  await slow;
  assert.equal(await state(), 0);
});

test('bytes of a body prove that the registry is alive, and silence does not end the body', async (t) => {
  const { upstream, server, answering, held, state, pings } = await start(t, 1000);
  const { body } = await upstream.getBlob(repository, digest);
  const reading = Array.fromAsync(body);
  const [response = assert.fail('no body')] = held.values();
  Object.assign(answering, { ping: false, manifest: false });
  const waiting = assert.rejects(upstream.getManifest(repository, latest), isSilent);
  for (let at = 4; at < 12; at += 4) {
    const before = pings();
    // Without this chunk the registry would soon count as silent.
    await until(() => pings() > before);
    response.write(blob.subarray(at, at + 4));
    assert.equal(await state(), 0);
  }
  await waiting;
  assert.equal(server.requests.filter(({ path }) => path.includes('/manifests/')).length, 1);
  assert.ok(pings() >= 3);
  response.end(blob.subarray(12));
  assert.deepEqual(Buffer.concat(await reading), blob);
});

test('no ping is sent while no call waits', async (t) => {
  const { upstream, pings, answering, held } = await start(t);
  await upstream.getManifest(repository, latest);
  answering.manifest = false;
  const leaving = new AbortController();
  const left = upstream.getManifest(repository, latest, { signal: leaving.signal });
  await until(() => held.size === 1);
  leaving.abort(new Error('left'));
  await assert.rejects(left, /left/);
  await new Promise((resolve) => {
    setTimeout(resolve, 300);
  });
  assert.equal(pings(), 0);
});

/** Blocks the process, like a machine without free CPU time: nothing is read, and timers are late. */
function blockProcess(ms: number): void {
  for (const untilMs = performance.now() + ms; performance.now() < untilMs;);
}

test('time during which the process was blocked does not count as silence', async (t) => {
  const { upstream, answering, held, answer, pings, state } = await start(t, 1200);
  Object.assign(answering, { manifest: false, ping: false });
  const waiting = upstream.getManifest(repository, latest);
  await until(() => held.size === 1);
  const before = pings();
  blockProcess(700);
  await new Promise((resolve) => {
    setTimeout(resolve, 30);
  });
  assert.equal(pings(), before);
  await until(() => pings() > before);
  blockProcess(700);
  for (const [path, response] of held) answer(path, response);
  await waiting;
  assert.equal(await state(), 0);
});
