import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseRepositoryName } from '@cistern/oci';
import { openOn, sendJson, startServer } from './testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const digest = digestOf(Buffer.from('subject'));
const index = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [] };

test('a page of tags reports the position of the next page', async (t) => {
  const links: (string | undefined)[] = [
    '</v2/a/b/tags/list?last=v2&n=2>; rel="next"',
    '<?page_token=xyz>; rel="next"',
    undefined,
  ];
  const server = await startServer(t, (_request, response) => {
    const link = links.shift();
    if (link !== undefined) response.setHeader('link', link);
    sendJson(response, 200, { name: 'a/b', tags: ['v1', 'v2'] });
  });
  const { upstream } = openOn(t, server.url);
  const tags = ['v1', 'v2'];
  assert.deepEqual(await upstream.listTags(repository, { n: 2 }), { tags, next: { last: 'v2', n: 2 } });
  assert.deepEqual(await upstream.listTags(repository, { n: 2, last: 'v0' }), { tags, next: { last: 'v2' } });
  assert.deepEqual(await upstream.listTags(repository, {}), { tags });
  assert.deepEqual(
    server.requests.map(({ path }) => path),
    ['/v2/a/b/tags/list?n=2', '/v2/a/b/tags/list?n=2&last=v0', '/v2/a/b/tags/list'],
  );
});

test('a null list of tags is an empty list', async (t) => {
  const server = await startServer(t, (_request, response) => sendJson(response, 200, { name: 'a/b', tags: null }));
  assert.deepEqual(await openOn(t, server.url).upstream.listTags(repository, {}), { tags: [] });
});

for (const body of ['', '[]', '{}', '{"tags":"v1"}', '{"tags":[1]}'])
  test(`a list of tags of ${JSON.stringify(body)} fails with content-mismatch`, async (t) => {
    const server = await startServer(t, (_request, response) => response.end(body));
    await assert.rejects(openOn(t, server.url).upstream.listTags(repository, {}), (error) =>
      isCacheError(error, 'content-mismatch'),
    );
  });

test('the tags of an unknown repository fail with name-unknown', async (t) => {
  const server = await startServer(t, (_request, response) => response.writeHead(404).end());
  await assert.rejects(openOn(t, server.url).upstream.listTags(repository, {}), (error) =>
    isCacheError(error, 'name-unknown'),
  );
});

test('referrers are returned as sent, with the applied filters and the next page', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.setHeader('oci-filters-applied', 'artifactType');
    response.setHeader('link', `</v2/a/b/referrers/${digest}?artifactType=a%2Fb&last=x>; rel="next"`);
    sendJson(response, 200, index);
  });
  const page = await openOn(t, server.url).upstream.listReferrers(repository, digest, { artifactType: 'a/b' });
  assert.deepEqual(page, {
    bytes: Buffer.from(JSON.stringify(index)),
    filtersApplied: 'artifactType',
    nextQuery: 'artifactType=a%2Fb&last=x',
  });
  assert.equal(server.requests[0]?.path, `/v2/a/b/referrers/${digest}?artifactType=a%2Fb`);
  assert.equal(server.requests[0]?.headers.accept, 'application/vnd.oci.image.index.v1+json');
});

test('the next page of referrers is requested by its query, which cannot change the path', async (t) => {
  const server = await startServer(t, (_request, response) => sendJson(response, 200, index));
  const { upstream } = openOn(t, server.url);
  await upstream.listReferrers(repository, digest, { artifactType: 'a/b', nextQuery: 'artifactType=other&last=x' });
  await upstream.listReferrers(repository, digest, { nextQuery: '/../../x#y?z=1&token=t t' });
  assert.deepEqual(
    server.requests.map(({ path }) => path),
    [
      `/v2/a/b/referrers/${digest}?artifactType=a%2Fb&last=x`,
      `/v2/a/b/referrers/${digest}?%2F..%2F..%2Fx%23y%3Fz=1&token=t+t`,
    ],
  );
});

test('referrers answered with 404 fail with manifest-unknown, for any body', async (t) => {
  const server = await startServer(t, (_request, response) => {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found');
  });
  const { upstream } = openOn(t, server.url);
  await assert.rejects(upstream.listReferrers(repository, digest, {}), (error) =>
    isCacheError(error, 'manifest-unknown'),
  );
});

test('one page holds 200,000 tags and a description of manifests', async (t) => {
  const tags = Array.from({ length: 200_000 }, (_, at) => `build-${at}-${'0'.repeat(40)}`);
  const described = tags.slice(0, 10_000);
  const manifest = Object.fromEntries(
    described.map((tag) => [`sha256:${tag.padStart(64)}`, { tag: [tag], mediaType: index.mediaType }]),
  );
  const server = await startServer(t, (_request, response) => sendJson(response, 200, { manifest, name: 'a/b', tags }));
  const { upstream, metrics } = openOn(t, server.url);
  assert.deepEqual((await upstream.listTags(repository, {})).tags, tags);
  const received = (await metrics.upstreamReceivedBytes.get()).values[0]?.value ?? 0;
  assert.ok(received > 10 * 1024 * 1024, `${received} bytes`);
});

test('an endless list of tags fails with content-mismatch', async (t) => {
  const server = await startServer(t, (_request, response) => {
    const piece = `"${'x'.repeat(1024 * 1024)}",`;
    response.write('{"tags":[');
    const more = (): void => void response.write(piece, (error) => void (error ?? setImmediate(more)));
    more();
  });
  await assert.rejects(openOn(t, server.url).upstream.listTags(repository, {}), (error) =>
    isCacheError(error, 'content-mismatch'),
  );
});
