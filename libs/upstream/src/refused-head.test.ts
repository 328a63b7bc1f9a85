// Registries that refuse HEAD as a method. Then only a GET shows the digest of a tag, and some registries count it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseReference, parseRepositoryName } from '@cistern/oci';
import { openOn, startServer } from './testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const latest = parseReference('latest');
const bytes = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(bytes);
const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const byDigest = { kind: 'digest', digest } as const;

for (const refusal of [405, 501])
  test(`HEAD answered with ${refusal} is not tried again for ten minutes`, async (t) => {
    let nowMs = Date.now();
    const server = await startServer(t, ({ method }, response) => {
      if (method === 'HEAD') response.writeHead(refusal).end();
      else response.writeHead(200, { 'content-type': mediaType }).end(bytes);
    });
    const { upstream } = openOn(t, server.url, { clock: () => nowMs });
    const methods = (): string[] => server.requests.map(({ method }) => method);
    const { digest: sent, size } = await upstream.headManifest(repository, latest);
    assert.deepEqual([sent, size], [undefined, undefined], 'the caller sends a GET, which also returns the manifest');
    assert.deepEqual(methods(), ['HEAD']);
    // The answer proves that this repository holds the manifest, so it needs a GET.
    assert.deepEqual(await upstream.headManifest(repository, byDigest), { digest, mediaType, size: bytes.length });
    assert.deepEqual(methods(), ['HEAD', 'GET']);
    nowMs += 600_001;
    await upstream.headManifest(repository, byDigest);
    assert.deepEqual(methods(), ['HEAD', 'GET', 'HEAD', 'GET']);
  });

for (const failure of [400, 403, 404, 429, 500, 503])
  test(`HEAD answered with ${failure} does not become a GET`, async (t) => {
    const server = await startServer(t, (_request, response) =>
      response.writeHead(failure, { 'retry-after': '1' }).end(),
    );
    const { upstream } = openOn(t, server.url);
    for (const reference of [latest, byDigest]) await assert.rejects(upstream.headManifest(repository, reference));
    assert.deepEqual(new Set(server.requests.map(({ method }) => method)), new Set(['HEAD']));
  });

test('an access check uses GET if the registry refuses HEAD', async (t) => {
  const server = await startServer(t, ({ method }, response) =>
    response.writeHead(method === 'HEAD' ? 405 : 200, { 'content-type': mediaType }).end(bytes),
  );
  const { upstream } = openOn(t, server.url);
  await upstream.checkAccess(repository, { kind: 'manifest', reference: latest }, { kind: 'anonymous' });
  assert.deepEqual(
    server.requests.map(({ method }) => method),
    ['HEAD', 'GET'],
  );
});

test('a manifest above the limit is rejected by HEAD and by GET', async (t) => {
  const size = 4 * 1024 * 1024 + 1;
  const server = await startServer(t, ({ method }, response) => {
    response.writeHead(200, { 'content-type': mediaType, 'content-length': size, 'docker-content-digest': digest });
    response.end(method === 'HEAD' ? undefined : Buffer.alloc(size, ' '));
  });
  const { upstream } = openOn(t, server.url);
  for (const call of [() => upstream.headManifest(repository, latest), () => upstream.getManifest(repository, latest)])
    await assert.rejects(call, (error) => {
      assert.ok(isCacheError(error, 'content-mismatch'), String(error));
      assert.match(error.message, /more than the 4194304 bytes/);
      return true;
    });
});

test('a length of 0 in a HEAD of a blob means an unknown size', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(200, { 'content-length': 0 }).end();
  });
  assert.equal(await openOn(t, server.url).upstream.headBlob(repository, digest), undefined);
});
