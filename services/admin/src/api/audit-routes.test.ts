import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Audit } from '@cistern/operations';
import { CacheError } from '@cistern/errors';
import { buildAdminServer } from '../build-admin-server.ts';
import { accessOfTest } from '../testing/access-of-test.ts';
import { optionsOfTest } from '../testing/options-of-test.ts';

const denial = {
  kind: 'refusal',
  at: 1_000,
  event: 'denied',
  node: 'cache-1:5000',
  user: 'ada',
  address: '192.0.2.1',
  what: 'GET /v2/a/manifests/1',
  about: 'rule 1 denies docker.io/library/a',
  status: 403,
} as const;

function build(t: TestContext, list: Audit['list']) {
  const app = buildAdminServer({ ...optionsOfTest, audit: { action() {}, list }, access: accessOfTest });
  t.after(() => app.close());
  return async (url: string, authorization = 'Bearer right') => {
    const { statusCode: status, body } = await app.inject({ url, headers: { authorization } });
    return { status, body: JSON.parse(body) as unknown };
  };
}

test('operators read the audit page by page, all of it or one kind', async (t) => {
  const searches: Parameters<Audit['list']>[0][] = [];
  const get = build(t, async (search) => {
    searches.push(search);
    return { entries: [{ ...denial, user: null }, denial], before: 7 };
  });
  assert.deepEqual(await get('/v1/audit'), {
    status: 200,
    body: { entries: [{ ...denial, user: null }, denial], before: 7 },
  });
  await get('/v1/audit?limit=2&before=7&kind=refusal');
  assert.deepEqual(
    searches.map((search) => ({ ...search })),
    [{ limit: 100 }, { limit: 2, before: 7, kind: 'refusal' }],
  );
});

test('a wrong token is 401, an invalid query is 400, and an unavailable index is 503', async (t) => {
  const get = build(t, async () => {
    throw new CacheError('index-unavailable', 'Redis is unavailable.');
  });
  assert.equal((await get('/v1/audit', 'Bearer wrong')).status, 401);
  for (const query of ['limit=0', 'limit=501', 'before=-1', 'before=x', 'kind=pull']) {
    const { status, body } = await get(`/v1/audit?${query}`);
    assert.equal(status, 400, query);
    assert.match((body as { message: string }).message, new RegExp(`^querystring/${query.split('=').at(0)} must `));
  }
  assert.deepEqual(await get('/v1/audit'), { status: 503, body: { message: 'Redis is unavailable.' } });
});
