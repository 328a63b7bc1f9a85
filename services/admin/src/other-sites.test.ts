// A page of another site can make an operator's browser send a change (CSRF). It can also read through a name of its own that
// resolves to this machine (DNS rebinding). Every route of the admin server and the console rejects both.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { AdminAccess } from './wiring/open-admin-access.ts';
import { buildAdminServer } from './build-admin-server.ts';
import { accessOfTest, basic } from './testing/access-of-test.ts';
import { optionsOfTest } from './testing/options-of-test.ts';

const host = 'cache.example:5003';
const own = `http://${host}`;
const json = { 'content-type': 'application/json' };

function build(t: TestContext, access: AdminAccess) {
  const app = buildAdminServer({ ...optionsOfTest, access });
  t.after(() => app.close());
  return app;
}

/** Paths of the description, by method. */
async function routesOf(app: ReturnType<typeof build>) {
  const { payload } = await app.inject({ url: '/v1/openapi.json', headers: { authorization: basic('ada', 's3cret') } });
  const { paths } = JSON.parse(payload) as {
    readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  };
  const methods = new Set(Object.values(paths).flatMap((route) => Object.keys(route)));
  assert.deepEqual([...methods].sort(), ['get', 'post'], 'the tests below know these methods');
  const those = (method: string) => Object.keys(paths).filter((path) => method in (paths[path] ?? {}));
  return { get: those('get'), post: those('post') };
}

const fromElsewhere = [
  { origin: 'http://evil.example' },
  { origin: 'null' },
  { origin: '' },
  { origin: 'cache.example:5003' },
  { origin: 'http://cache.example' },
  { origin: 'http://cache.example:5004' },
  { origin: 'http://cache.example:5003.evil.example' },
  { origin: 'http://x.cache.example:5003' },
  { origin: 'http://xcache.example:5003' },
  { origin: 'http://cache.example:5003@evil.example' },
  { origin: 'http://evil.example/http://cache.example:5003' },
  { origin: `${own}, http://evil.example` },
  { origin: 'file://' },
  { origin: 'chrome-extension://abcdefghijklmnop' },
  { origin: own, 'sec-fetch-site': 'cross-site' },
  { origin: own, 'sec-fetch-site': 'same-site' },
  { origin: own, 'sec-fetch-site': 'none' },
  { origin: own, 'sec-fetch-site': 'same-origin, cross-site' },
  { 'sec-fetch-site': 'cross-site' },
  { 'sec-fetch-site': '' },
  { origin: 'http://evil.example', 'x-forwarded-host': 'evil.example' },
];

test('other sites: every route that changes something rejects their requests', async (t) => {
  const app = build(t, accessOfTest);
  const { post } = await routesOf(app);
  assert.ok(post.includes('/v1/purge') && post.includes('/v1/pins'));
  for (const url of post)
    for (const headers of fromElsewhere) {
      const request = { method: 'POST', url, payload: '{}', headers: { host, ...json, ...headers } } as const;
      for (const authorization of ['', basic('ada', 's3cret')]) {
        const answer = await app.inject({ ...request, headers: { ...request.headers, authorization } });
        assert.equal(answer.statusCode, 403, `${url} ${JSON.stringify(headers)}`);
        assert.equal(answer.headers['access-control-allow-origin'], undefined);
      }
    }
});

test('other sites: every route rejects the content types that a form can send', async (t) => {
  const app = build(t, accessOfTest);
  const { post } = await routesOf(app);
  const types = [undefined, '', 'text/plain', 'text/plain;application/json', 'text/plain; charset=application/json'];
  types.push(
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=application/json',
    'application/jsonp',
  );
  types.push('application/json, text/plain', 'application/json-patch+json', 'application/csp-report', 'text/json');
  for (const url of post)
    for (const type of types) {
      const headers = {
        host,
        authorization: basic('ada', 's3cret'),
        ...(type !== undefined && { 'content-type': type }),
      };
      const answer = await app.inject({ method: 'POST', url, payload: '{}', headers });
      assert.equal(answer.statusCode, 415, `${url} ${type}`);
    }
});

test('other sites: a CORS preflight request gets no permission, and no method overrides another', async (t) => {
  const app = build(t, accessOfTest);
  const { get, post } = await routesOf(app);
  const authorization = basic('ada', 's3cret');
  for (const url of post) {
    const preflightHeaders = { origin: 'http://evil.example', 'access-control-request-method': 'POST' };
    const preflight = await app.inject({ method: 'OPTIONS', url, headers: { host, ...preflightHeaders } });
    assert.equal(preflight.statusCode, 403);
    assert.deepEqual(
      Object.keys(preflight.headers).filter((name) => name.startsWith('access-control')),
      [],
    );
    if (get.includes(url)) continue;
    const override = { 'x-http-method-override': 'POST', 'x-http-method': 'POST', 'x-method-override': 'POST' };
    for (const query of ['', '?_method=POST', '?image=a&pinned=true'])
      for (const method of ['GET', 'HEAD'] as const) {
        const answer = await app.inject({ method, url: url + query, headers: { host, authorization, ...override } });
        assert.equal(answer.statusCode, 404, url + query);
      }
  }
});

test('other sites: no frame shows the console, and no other origin reads responses', async (t) => {
  const app = build(t, accessOfTest);
  for (const url of ['/console/', '/console/main.js', '/v1/pins']) {
    const headers = { host, authorization: basic('ada', 's3cret'), origin: 'http://evil.example' };
    const answer = await app.inject({ url, headers });
    assert.equal(answer.headers['access-control-allow-origin'], undefined, url);
    if (url === '/v1/pins') continue;
    assert.match(String(answer.headers['content-security-policy']), /frame-ancestors 'none'/);
    assert.equal(answer.headers['cross-origin-resource-policy'], 'same-origin');
  }
});

const otherNames = `
  evil.example localhost.evil.example 127.0.0.1.evil.example 127.0.0.1.nip.io localhost. xlocalhost localhost.localdomain
  ip6-localhost 192.0.2.1 10.0.0.1 0.0.0.0 0 127.1 2130706433 0x7f000001 0177.0.0.1 127.0.0.1. 127.0.0.256
  [::] [::2] [::ffff:127.0.0.1] [0:0:0:0:0:0:0:1] [fe80::1]`
  .trim()
  .split(/\s+/);

test('other sites: a foreign name that resolves to this machine reads nothing and changes nothing', async (t) => {
  const app = build(t, 'read-only');
  const { get, post } = await routesOf(app);
  const pages = ['/', '/console', '/console/', '/console/main.js', '/nowhere', ...get];
  for (const name of otherNames)
    for (const port of ['', ':5003']) {
      const headers = { host: name + port };
      for (const url of pages) {
        const { statusCode, body } = await app.inject({ url, headers });
        assert.equal(statusCode, 421, `${url} ${name}${port}`);
        assert.equal(body, '{"message":"The host name is not a name of this machine. Use for example localhost."}');
      }
      for (const url of post)
        assert.equal(
          (await app.inject({ method: 'POST', url, payload: '{}', headers: { ...headers, ...json } })).statusCode,
          421,
        );
    }
});

test('other sites: a proxy header does not replace the host name', async (t) => {
  const app = build(t, 'read-only');
  for (const header of ['x-forwarded-host', 'x-host', 'x-original-host', 'forwarded', ':authority']) {
    const value = header === 'forwarded' ? 'host=localhost' : 'localhost';
    const answer = await app.inject({ url: '/v1/pins', headers: { host: 'evil.example', [header]: value } });
    assert.equal(answer.statusCode, 421, header);
  }
});
