// Tests names, tags and digests that violate the grammar of the OCI distribution specification, and requests that are
// too long.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertRefused } from '../src/assert-refused.ts';
import { openStage } from '../src/open-stage.ts';
import { sendRaw } from '../src/send-raw.ts';
import { sendRequest } from '../src/send-request.ts';

const { upstream, cistern } = await openStage({ after });
const image = upstream.addImage('library/app', { tag: 'latest' });
const { port } = cistern;
const hex = 'a'.repeat(64);

const digests = [
  'sha256:',
  `sha256:${hex.slice(1)}`,
  `sha256:${hex}a`,
  `sha256:${hex.toUpperCase()}`,
  `sha256:${hex.slice(1)}g`,
  `sha512:${hex}`,
  `md5:${hex.slice(0, 32)}`,
  `SHA256:${hex}`,
  `sha256-${hex}`,
  hex,
  'latest',
  `sha256:${'a'.repeat(10_000)}`,
];
for (const digest of digests)
  test(`the digest ${digest.slice(0, 20)}… of ${digest.length} characters is rejected`, async () => {
    for (const kind of ['blobs', 'referrers'])
      assertRefused(await sendRaw(port, `/v2/library/app/${kind}/${digest}`), 400, 'DIGEST_INVALID', kind);
    if (digest.includes(':'))
      assertRefused(await sendRaw(port, `/v2/library/app/manifests/${digest}`), 400, 'DIGEST_INVALID', 'manifests');
  });

for (const tag of [
  '-x',
  '.x',
  'a%20b',
  'a'.repeat(129),
  'x'.repeat(10_000),
  'caf%C3%A9',
  'a+b',
  'a@b',
  '$(id)',
  '%3Cscript%3E',
])
  test(`the tag ${tag.slice(0, 20)}… of ${tag.length} characters is rejected`, async () => {
    assertRefused(await sendRaw(port, `/v2/library/app/manifests/${tag}`), 404, 'MANIFEST_UNKNOWN');
  });

for (const name of [
  'UPPER/app',
  'library/App',
  '-app',
  'app-',
  'a..b',
  'a__-b',
  'library/app.',
  `${'a/'.repeat(127)}ab`,
  'a'.repeat(9000),
])
  test(`the name ${name.slice(0, 20)}… of ${name.length} characters is rejected`, async () => {
    for (const rest of ['manifests/latest', `blobs/sha256:${hex}`, 'tags/list', `referrers/sha256:${hex}`])
      assertRefused(await sendRaw(port, `/v2/${name}/${rest}`), 400, 'NAME_INVALID', rest);
  });

test('page sizes that are not numbers are rejected', async () => {
  for (const n of ['many', '-1', '1.5', '9'.repeat(400)])
    assertRefused(await sendRaw(port, `/v2/library/app/tags/list?n=${n}`), 400, 'PAGINATION_NUMBER_INVALID', n);
});

test('all writing methods are rejected', async () => {
  const digest = `sha256:${hex}`;
  for (const [method, path] of [
    ['PUT', '/v2/library/app/manifests/latest'],
    ['DELETE', `/v2/library/app/manifests/${image.digest}`],
    ['POST', '/v2/library/app/blobs/uploads/'],
    ['PATCH', '/v2/library/app/blobs/uploads/1'],
    ['DELETE', `/v2/library/app/blobs/${digest}`],
    ['POST', `/v2/library/app/blobs/uploads/?mount=${digest}&from=library/other`],
  ] as const) {
    const answer = await sendRequest(cistern.url + path, { method });
    assertRefused(answer, 405, 'UNSUPPORTED', method);
    assert.equal(answer.headers['allow'], 'GET, HEAD');
  }
});

test('too long headers get a response', async () => {
  const { status } = await sendRaw(port, '/v2/', { 'x-long': 'x'.repeat(70_000) });
  assert.equal(status, 431);
});

test('the upstream got none of these requests, and the cache is healthy', async () => {
  assert.equal(upstream.count(), 0);
  assert.equal((await sendRequest(`${cistern.url}/v2/library/app/manifests/latest`)).status, 200);
});
