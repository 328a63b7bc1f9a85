// Registries without the referrers API answer in many ways. Clients then look for the tag `sha256-<hex>`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf, parseRepositoryName } from '@cistern/oci';
import { type Answer, openOn, sendJson, startServer } from './testing/scripted-server.ts';

const repository = parseRepositoryName('a/b');
const digest = digestOf(Buffer.from('subject'));
const other = digestOf(Buffer.from('other'));
const html: Answer = (_request, response) =>
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<!doctype html><title>Packages</title>');
const status =
  (code: number): Answer =>
  (_request, response) =>
    response.writeHead(code, { 'content-type': 'text/plain' }).end('no such page');
const redirect: Answer = (request, response) => {
  if (request.url?.includes('/referrers/')) response.writeHead(303, { location: '/packages' }).end();
  else html(request, response);
};
const isMissing = (error: unknown): boolean => isCacheError(error, 'manifest-unknown');

for (const [name, answer, isOfRepository] of [
  ['200 with HTML', html, true],
  ['303 to HTML', redirect, true],
  ['400', status(400), false],
  ['405', status(405), true],
  ['406', status(406), true],
  ['501', status(501), true],
] as const)
  test(`referrers answered with ${name} fail with manifest-unknown, and are not requested again for ten minutes`, async (t) => {
    let nowMs = Date.now();
    const server = await startServer(t, answer);
    const { upstream } = openOn(t, server.url, { clock: () => nowMs });
    const requestCount = (): number => server.requests.filter(({ path }) => path.includes('/referrers/')).length;
    for (let clients = 0; clients < 3; clients += 1)
      await assert.rejects(upstream.listReferrers(repository, digest, {}), isMissing);
    assert.equal(requestCount(), 1);
    await assert.rejects(upstream.listReferrers(repository, other, { artifactType: 'a/b' }), isMissing);
    assert.equal(requestCount(), isOfRepository ? 1 : 2, 'a 400 may be about the query of the client');
    await assert.rejects(upstream.listReferrers(parseRepositoryName('a/c'), digest, {}), isMissing);
    assert.equal(requestCount(), isOfRepository ? 2 : 3, 'the registry may support it for another repository');
    nowMs += 600_001;
    await assert.rejects(upstream.listReferrers(repository, digest, {}), isMissing);
    assert.equal(requestCount(), isOfRepository ? 3 : 4);
  });

test('a refused filter of one client does not affect other queries of the repository', async (t) => {
  const index = { schemaVersion: 2, manifests: [] };
  const server = await startServer(t, (request, response) => {
    if (request.url?.includes('artifactType')) response.writeHead(406).end();
    else sendJson(response, 200, index);
  });
  const { upstream } = openOn(t, server.url);
  for (let clients = 0; clients < 2; clients += 1)
    await assert.rejects(upstream.listReferrers(repository, digest, { artifactType: '<script>' }), isMissing);
  assert.equal(server.requests.length, 1);
  assert.deepEqual(JSON.parse(String((await upstream.listReferrers(repository, digest, {})).bytes)), index);
});

test('JSON that is not an image index fails with content-mismatch', async (t) => {
  const server = await startServer(t, (_request, response) => sendJson(response, 200, { schemaVersion: 1 }));
  await assert.rejects(openOn(t, server.url).upstream.listReferrers(repository, digest, {}), (error) =>
    isCacheError(error, 'content-mismatch'),
  );
});
