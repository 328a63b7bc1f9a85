import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const paged = () =>
  createMemoryPullThrough({
    instead: { listTags: async () => ({ tags: ['a', 'b'], next: { last: 'b', n: 2 }, cache: 'MISS' }) },
  });

test('a list of tags has the name that the client used', async (t) => {
  const { url } = await startFrontend(t);
  const cases: [string, string][] = [
    ['/v2/nginx/tags/list', 'nginx'],
    ['/v2/ghcr.io/a/b/tags/list', 'ghcr.io/a/b'],
    ['/ghcr.io/v2/a/b/tags/list', 'a/b'],
    ['/v2/a/b/tags/list?ns=ghcr.io', 'a/b'],
  ];
  for (const [path, name] of cases) {
    const answer = await sendRequest(url + path);
    assert.deepEqual(JSON.parse(answer.body.toString()), { name, tags: ['1.0', 'latest'] });
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.deepEqual([answer.headers['x-cache'], answer.headers.age], ['HIT', '5']);
    assert.equal(answer.headers.link, undefined);
  }
});

test('the link to the next page has the path and the ns of this one', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: paged() });
  const cases: [string, string][] = [
    ['/v2/nginx/tags/list', '</v2/nginx/tags/list?n=2&last=b>; rel="next"'],
    ['/v2/nginx/tags/list?n=1', '</v2/nginx/tags/list?n=1&last=b>; rel="next"'],
    ['/ghcr.io/v2/a/b/tags/list', '</ghcr.io/v2/a/b/tags/list?n=2&last=b>; rel="next"'],
    ['/v2/a/b/tags/list?n=2&ns=ghcr.io', '</v2/a/b/tags/list?n=2&last=b&ns=ghcr.io>; rel="next"'],
  ];
  for (const [path, link] of cases) assert.equal((await sendRequest(url + path)).headers.link, link);
});

test('n and last are passed to the upstream', async (t) => {
  const pullThrough = paged();
  const { url } = await startFrontend(t, { pullThrough });
  await sendRequest(`${url}/v2/nginx/tags/list?n=2&last=1.0`);
  await sendRequest(`${url}/v2/nginx/tags/list`);
  const requested = pullThrough.calls.map(({ request }) => {
    const { n, last } = request;
    return { n, last };
  });
  assert.deepEqual(requested, [
    { n: 2, last: '1.0' },
    { n: undefined, last: undefined },
  ]);
});

test('n=0 is an empty list', async (t) => {
  const pullThrough = paged();
  const { url } = await startFrontend(t, { pullThrough });
  const answer = await sendRequest(`${url}/v2/nginx/tags/list?n=0`);
  assert.deepEqual(JSON.parse(answer.body.toString()), { name: 'nginx', tags: [] });
  assert.equal(answer.headers.link, undefined);
  assert.equal(pullThrough.calls.length, 0);
});

test('an invalid n is rejected', async (t) => {
  const pullThrough = paged();
  const { url } = await startFrontend(t, { pullThrough });
  for (const query of ['n=-1', 'n=x', 'n=1.5', 'n=1e3', 'n=9999999999', `last=${'x'.repeat(600)}`]) {
    const answer = await sendRequest(`${url}/v2/nginx/tags/list?${query}`);
    assert.equal(answer.status, 400, query);
    assert.equal(errorsOf(answer)[0]?.code, 'PAGINATION_NUMBER_INVALID');
  }
  assert.equal(pullThrough.calls.length, 0);
});
