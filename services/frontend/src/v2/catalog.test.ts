import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAuthorize } from '@cistern/auth';
import type { PullThrough } from '@cistern/pull-through';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { type Answer, errorsOf, sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const all = Array.from({ length: 250 }, (_, index) => `docker.io/library/r${String(index).padStart(3, '0')}`);

const pullThrough = () =>
  createMemoryPullThrough({
    instead: {
      listRepositories: async ({ after, limit }) =>
        all.filter((name) => after === undefined || name > after).slice(0, limit),
    },
  });

test('the linked pages list every repository once', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: pullThrough() });
  const seen: string[] = [];
  const pages: number[] = [];
  for (let path: string | undefined = '/v2/_catalog'; path !== undefined;) {
    const { body, headers }: Answer = await sendRequest(url + path);
    const { repositories } = JSON.parse(body.toString()) as { repositories: string[] };
    seen.push(...repositories);
    pages.push(repositories.length);
    path = /^<([^>]+)>; rel="next"$/.exec(String(headers.link))?.[1];
  }
  assert.deepEqual(seen, all);
  assert.deepEqual(pages, [100, 100, 50]);
});

test('n and last select the page', async (t) => {
  const { url } = await startFrontend(t, { pullThrough: pullThrough() });
  const answer = await sendRequest(`${url}/v2/_catalog?n=2&last=docker.io/library/r010`);
  assert.deepEqual(JSON.parse(answer.body.toString()), {
    repositories: ['docker.io/library/r011', 'docker.io/library/r012'],
  });
  assert.equal(answer.headers.link, '</v2/_catalog?n=2&last=docker.io%2Flibrary%2Fr012>; rel="next"');
  const exact = await sendRequest(`${url}/v2/_catalog?n=250`);
  assert.equal(exact.headers.link, undefined);
  const none = await sendRequest(`${url}/v2/_catalog?n=0`);
  assert.deepEqual(JSON.parse(none.body.toString()), { repositories: [] });
  const bad = await sendRequest(`${url}/v2/_catalog?n=many`);
  assert.equal(errorsOf(bad)[0]?.code, 'PAGINATION_NUMBER_INVALID');
});

test('a page reads no more names than it needs, and few pages of the index if most names are denied', async (t) => {
  const read: number[] = [];
  const instead: Partial<PullThrough> = {
    listRepositories: async ({ after, limit }) => {
      const page = all.filter((name) => after === undefined || name > after).slice(0, limit);
      read.push(page.length);
      return page;
    },
  };
  const open = await startFrontend(t, { pullThrough: createMemoryPullThrough({ instead }) });
  await sendRequest(`${open.url}/v2/_catalog?n=5`);
  assert.deepEqual(read.splice(0), [6]);
  const authorize = createAuthorize({
    rules: [{ action: 'allow', images: ['docker.io/library/r24[5-9]'] }],
    fallback: 'deny',
  });
  const narrow = await startFrontend(t, { pullThrough: createMemoryPullThrough({ instead }), authorize });
  const answer = await sendRequest(`${narrow.url}/v2/_catalog?n=3`);
  const { repositories } = JSON.parse(answer.body.toString()) as { repositories: string[] };
  assert.deepEqual(
    repositories,
    [5, 6, 7].map((last) => `docker.io/library/r24${last}`),
  );
  assert.deepEqual(read, [4, 8, 16, 32, 64, 126]);
});
