import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf, mediaTypes, parseReference, parseRepositoryName } from '@cistern/oci';
import { fixedCredentials } from '../credentials/credential-source.ts';
import type { OpenUpstreamOptions } from './open-upstream.ts';
import { until } from '@cistern/runtime/testing';
import { type Answer, openOn, startServer } from '../testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const bytes = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(bytes);
/** Longer than any test runs. */
const never = 600_000;

const has: Answer = ({ url = '' }, response) => {
  const type = url.includes('/manifests/') ? mediaTypes.ociManifest : 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'docker-content-digest': digest, 'content-length': bytes.length });
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
};
const answers =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, { 'retry-after': '0', ...headers }).end();
const silent: Answer = () => {};
const slow: Answer = (request, response) => void setTimeout(() => has(request, response), 1_200);

async function start(
  t: TestContext,
  main: Answer,
  others: readonly Answer[],
  options: Partial<OpenUpstreamOptions> = {},
) {
  const server = await startServer(t, main);
  const alternates = await Promise.all(others.map((answer) => startServer(t, answer)));
  const opened = openOn(t, server.url, {
    alternates: alternates.map(({ url }) => ({ url })),
    hedgeAfterMs: never,
    ...options,
  });
  const calls = (): readonly number[] => [server, ...alternates].map(({ requests }) => requests.length);
  return { ...opened, server, alternates, calls };
}

async function bodyOf(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test('calls to a failing registry go to its alternates, in their order, by tag and by digest', async (t) => {
  const { upstream, calls } = await start(t, answers(503), [answers(404), has, has]);
  assert.deepEqual((await upstream.getManifest(repository, latest)).bytes, bytes);
  assert.deepEqual(calls(), [1, 1, 1, 0]);
  // A failure of one repository is remembered for a while.
  const another = parseRepositoryName('a/c');
  assert.equal((await upstream.headManifest(another, parseReference(digest))).digest, digest);
  assert.equal(await upstream.headBlob(repository, digest), bytes.length);
  const { body } = await upstream.getBlob(another, digest, { from: 0 });
  assert.deepEqual(await bodyOf(body), bytes);
  assert.deepEqual(calls(), [4, 4, 4, 0]);
});

test('a remembered failure sends calls directly to the alternates', async (t) => {
  const { upstream, calls } = await start(t, answers(503), [has]);
  for (let count = 0; count < 8; count += 1) await upstream.getManifest(repository, latest);
  assert.deepEqual(calls(), [3, 8]);
});

for (const [status, kind] of [
  [404, 'manifest-unknown'],
  [403, 'denied'],
] as const)
  test(`a ${status} of the registry itself is final`, async (t) => {
    const { upstream, calls } = await start(t, answers(status), [has], { hedgeAfterMs: never });
    await assert.rejects(upstream.getManifest(repository, latest), (error) => isCacheError(error, kind));
    await assert.rejects(upstream.headManifest(repository, latest), (error) => isCacheError(error, kind));
    assert.deepEqual(calls(), [2, 0]);
  });

const isMain = (error: unknown): boolean => isCacheError(error, 'upstream-unreachable') && /503/.test(error.message);

test('a call that fails at all alternates fails with the error of the registry itself', async (t) => {
  const { upstream } = await start(t, answers(503), [answers(404), answers(403)]);
  await assert.rejects(upstream.getManifest(repository, latest), isMain);
  await assert.rejects(upstream.headManifest(repository, latest), isMain);
});

test('an alternate answers a cold pull above the limit, but no revalidation', async (t) => {
  const spent = answers(429, { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '0;w=21600' });
  const { upstream } = await start(t, spent, [has]);
  assert.deepEqual((await upstream.getManifest(repository, latest, { purpose: 'cold' })).bytes, bytes);
  await assert.rejects(upstream.headManifest(repository, latest, { purpose: 'revalidate' }), (error) =>
    isCacheError(error, 'upstream-rate-limited'),
  );
});

test('a slow HEAD is also sent to an alternate, and the slower request is aborted', async (t) => {
  const { upstream, server, alternates } = await start(t, silent, [has], { hedgeAfterMs: 20 });
  assert.equal((await upstream.headManifest(repository, latest)).digest, digest);
  await until(() => server.openConnections() === 0);
  assert.equal(alternates[0]?.requests.length, 1);
});

test('a late answer of the registry itself counts if no alternate has answered', async (t) => {
  let release: (() => void) | undefined;
  const late: Answer = (request, response) => {
    release = () => has(request, response);
  };
  const { upstream, alternates } = await start(t, late, [answers(404)], { hedgeAfterMs: 10 });
  const call = upstream.headManifest(repository, latest);
  await until(() => alternates[0]?.requests.length === 1);
  release?.();
  assert.equal((await call).digest, digest);
});

test('a slow GET is not sent to an alternate', async (t) => {
  const { upstream, calls } = await start(t, silent, [has], { hedgeAfterMs: 10 });
  const controller = new AbortController();
  const call = upstream.getManifest(repository, latest, { signal: controller.signal });
  await new Promise((resolve) => {
    setTimeout(resolve, 100);
  });
  assert.deepEqual(calls(), [1, 0]);
  controller.abort(new Error('left'));
  await assert.rejects(call, /left/);
});

test('each registry has a full deadline of its own', async (t) => {
  const timeouts = { deadlineMs: 2_000, silenceMs: never };
  const { upstream, calls } = await start(t, silent, [slow], { timeouts });
  const requestedAtMs = performance.now();
  assert.deepEqual((await upstream.getManifest(repository, latest)).bytes, bytes);
  assert.ok(performance.now() - requestedAtMs > 3_000);
  assert.deepEqual(calls(), [1, 1]);
});

test('a caller that leaves aborts both requests', async (t) => {
  const { upstream, server, alternates } = await start(t, silent, [silent], { hedgeAfterMs: 10 });
  const controller = new AbortController();
  const call = upstream.headManifest(repository, latest, { signal: controller.signal });
  await until(() => alternates[0]?.requests.length === 1);
  controller.abort(new Error('left'));
  await assert.rejects(call, /left/);
  await until(() => server.openConnections() === 0 && alternates[0]?.openConnections() === 0);
});

const requiresBasic: Answer = (request, response) => {
  if (request.headers.authorization !== undefined) return has(request, response);
  response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end();
};
const basic = (password: string): string => `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;

test('each registry receives only its own credentials', async (t) => {
  const fails: Answer = (request, response) => {
    if (request.headers.authorization === undefined) requiresBasic(request, response);
    else answers(503)(request, response);
  };
  const server = await startServer(t, fails);
  const [without, with_] = [await startServer(t, requiresBasic), await startServer(t, requiresBasic)];
  const { upstream } = openOn(t, server.url, {
    credentials: [fixedCredentials('main', { username: 'me', password: 'main' })],
    alternates: [
      { url: without.url },
      { url: with_.url, credentials: [fixedCredentials('other', { username: 'me', password: 'other' })] },
    ],
  });
  await upstream.getManifest(repository, latest);
  const shown = (seen: typeof server): readonly unknown[] => seen.requests.map(({ headers }) => headers.authorization);
  assert.deepEqual(shown(server), [undefined, basic('main')]);
  assert.deepEqual(shown(without), [undefined]);
  assert.deepEqual(shown(with_), [undefined, basic('other')]);
});
