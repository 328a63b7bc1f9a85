import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import type { PullThrough } from '@cistern/pull-through';
import { createTestSeal } from '../testing/create-test-seal.ts';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { type Answer, errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const index = Buffer.from('{"schemaVersion":2, "manifests":[ ]}');
const digest = digestOf(Buffer.from('subject'));
const withReferrers = (listReferrers: PullThrough['listReferrers']) =>
  createMemoryPullThrough({ instead: { listReferrers } });

test('the list is the index of the upstream, with its filters', async (t) => {
  const pullThrough = withReferrers(async () => ({
    bytesBase64: index.toString('base64'),
    filtersApplied: 'artifactType',
    cache: 'STALE',
    staleBecause: 'failing',
    ageMs: 90_000,
  }));
  const { url } = await startFrontend(t, { pullThrough });
  const answer = await sendRequest(`${url}/v2/nginx/referrers/${digest}?artifactType=application/x`);
  assert.equal(answer.status, 200);
  assert.ok(answer.body.equals(index));
  assert.equal(answer.headers['content-type'], 'application/vnd.oci.image.index.v1+json');
  assert.equal(answer.headers['content-length'], String(index.length));
  assert.equal(answer.headers['oci-filters-applied'], 'artifactType');
  assert.equal(answer.headers['x-cache'], 'STALE');
  assert.equal(answer.headers.age, '90');
  assert.match(String(answer.headers['warning']), /^110 .+, 111 /);
  assert.equal(answer.headers.link, undefined);
  assert.equal(pullThrough.calls[0]?.request['artifactType'], 'application/x');
});

test('the links lead to page after page, with the path and ns of the first', async (t) => {
  const pages: Record<string, string | undefined> = {
    '': 'last=p1&n=2',
    'last=p1&n=2': 'n=2&last=p2',
    'last=p2&n=2': undefined,
  };
  const pullThrough = withReferrers(async ({ nextQuery = '' }) => {
    const next = pages[nextQuery];
    return { bytesBase64: index.toString('base64'), cache: 'MISS', ...(next !== undefined && { nextQuery: next }) };
  });
  const { url } = await startFrontend(t, { pullThrough });
  const followed: string[] = [];
  for (let path: string | undefined = `/v2/a/b/referrers/${digest}?artifactType=x&ns=ghcr.io`; path !== undefined;) {
    followed.push(path.slice(path.indexOf('?')));
    const { headers }: Answer = await sendRequest(url + path);
    path = /^<(\/v2\/a\/b\/referrers\/[^>]+)>; rel="next"$/.exec(String(headers.link))?.[1];
  }
  assert.deepEqual(followed, [
    '?artifactType=x&ns=ghcr.io',
    '?page=sealed-0&artifactType=x&ns=ghcr.io',
    '?page=sealed-1&artifactType=x&ns=ghcr.io',
  ]);
  assert.deepEqual(
    pullThrough.calls.map(({ request }) => request['nextQuery']),
    [undefined, 'last=p1&n=2', 'last=p2&n=2'],
  );
});

test('query parameters without a link of the upstream are dropped, except n', async (t) => {
  const pullThrough = withReferrers(async () => ({ bytesBase64: index.toString('base64'), cache: 'MISS' }));
  const { url } = await startFrontend(t, { pullThrough });
  const list = `${url}/v2/nginx/referrers/${digest}`;
  for (const query of ['last=p1&nextToken=x&account=me', 'n=5&last=p1', 'ns=ghcr.io&artifactType=x&a=b'])
    assert.equal((await sendRequest(`${list}?${query}`)).status, 200);
  assert.equal((await sendRequest(`${list}?n=1e9`)).status, 400);
  assert.deepEqual(
    pullThrough.calls.map(({ request }) => request['nextQuery']),
    [undefined, 'n=5', undefined],
  );
});

test('a page is valid only for the list that linked to it, and a forged page is rejected', async (t) => {
  const pageSeal = createTestSeal();
  const pullThrough = withReferrers(async ({ nextQuery }) => ({
    bytesBase64: index.toString('base64'),
    ...(nextQuery === undefined && { nextQuery: 'last=p1' }),
    cache: 'MISS',
  }));
  const { url } = await startFrontend(t, { pullThrough, pageSeal });
  const { headers } = await sendRequest(`${url}/v2/nginx/referrers/${digest}`);
  const page = /[?&]page=([^&>]+)/.exec(String(headers.link))?.[1];
  assert.equal((await sendRequest(`${url}/v2/nginx/referrers/${digest}?page=${page}`)).status, 200);
  const other = digestOf(Buffer.from('other'));
  for (const path of [`nginx/referrers/${other}?page=${page}`, `redis/referrers/${digest}?page=${page}`]) {
    const answer = await sendRequest(`${url}/v2/${path}`);
    assert.deepEqual([answer.status, errorsOf(answer)[0]?.code], [400, 'PAGINATION_NUMBER_INVALID']);
  }
  assert.equal((await sendRequest(`${url}/v2/nginx/referrers/${digest}?page=made-up`)).status, 400);
});

test('a page that links to itself ends the list', async (t) => {
  const pullThrough = withReferrers(async () => ({
    bytesBase64: index.toString('base64'),
    nextQuery: 'n=1',
    cache: 'MISS',
  }));
  const { url } = await startFrontend(t, { pullThrough });
  const answer = await sendRequest(`${url}/v2/nginx/referrers/${digest}?n=1`);
  assert.equal(answer.headers.link, undefined);
});

test("the upstream's 404 is passed on, in JSON", async (t) => {
  const pullThrough = withReferrers(() => Promise.reject(new CacheError('manifest-unknown', 'There is no such list.')));
  const { url } = await startFrontend(t, { pullThrough });
  const answer = await sendRequest(`${url}/v2/nginx/referrers/${digest}`);
  assert.equal(answer.status, 404);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal(errorsOf(answer)[0]?.code, 'MANIFEST_UNKNOWN');
});
