import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Decisions, Upkeep } from '@cistern/operations';
import type { InjectOptions } from 'fastify';
import { type AdminServerOptions, buildAdminServer } from './build-admin-server.ts';
import { accessOfTest, basic } from './testing/access-of-test.ts';
import { optionsOfTest } from './testing/options-of-test.ts';

const decisions = {
  pins: async () => ({ pins: ['docker.io/library/a:1'] }),
  pin: async (image: string) => ({ image }),
} as Partial<Decisions> as Decisions;
const upkeep = { scrubReport: async () => ({ report: null }) } as Partial<Upkeep> as Upkeep;

function build(
  t: TestContext,
  options: Pick<AdminServerOptions, 'access'> & Partial<Pick<AdminServerOptions, 'audit'>>,
) {
  const app = buildAdminServer({ ...optionsOfTest, upkeep, decisions, ...options });
  t.after(() => app.close());
  return async (url: string, request: Omit<InjectOptions, 'url'> = {}) => {
    const { statusCode, headers, body } = await app.inject({ url, ...request });
    return { status: statusCode, headers, body };
  };
}

const pin = { method: 'POST', payload: { image: 'a:1', pinned: true } } as const;
const ada = { authorization: basic('ada', 's3cret') };

test('a caller learns its name and whether it can change something', async (t) => {
  const me = async (access: AdminServerOptions['access'], headers: Record<string, string>) =>
    JSON.parse((await build(t, { access })('/v1/me', { headers })).body) as { readonly reason: string | null };
  const free = { mayAct: true, reason: null };
  assert.deepEqual(await me(accessOfTest, ada), { operator: 'ada', ...free });
  assert.deepEqual(await me(accessOfTest, { authorization: 'Bearer right' }), { operator: null, ...free });
  assert.deepEqual(await me('everything', {}), { operator: null, ...free });
  const readOnly = await me('read-only', { host: 'localhost' });
  assert.partialDeepStrictEqual(readOnly, { operator: null, mayAct: false });
  assert.match(readOnly.reason ?? '', /This server is read-only\..*admin\.htpasswd\.path/);
});

test('the audit log names the operator of an action, and does not record reads', async (t) => {
  const actions: object[] = [];
  const send = build(t, {
    access: accessOfTest,
    audit: { ...optionsOfTest.audit, action: (action) => void actions.push(action) },
  });
  assert.equal((await send('/v1/pins', { headers: ada })).status, 200);
  assert.equal((await send('/v1/pins', { ...pin, headers: ada })).status, 200);
  assert.equal((await send('/v1/pins', { ...pin, headers: { authorization: 'Bearer right' } })).status, 200);
  const entry = { command: 'POST /v1/pins', parameters: pin.payload, address: '127.0.0.1', status: 200 };
  assert.deepEqual(actions, [
    { by: 'ada', ...entry },
    { by: '127.0.0.1', ...entry },
  ]);
});

test('a wrong or missing password is 401 with a challenge, also for the page', async (t) => {
  const actions: { readonly status?: number }[] = [];
  const send = build(t, {
    access: accessOfTest,
    audit: { ...optionsOfTest.audit, action: (action) => void actions.push(action) },
  });
  for (const authorization of [undefined, basic('ada', 'wrong'), basic('eve', 's3cret'), 'Bearer wrong'])
    for (const url of ['/v1/pins', '/console/', '/console/main.js']) {
      const { status, headers } = await send(url, { headers: { ...(authorization && { authorization }) } });
      assert.deepEqual([status, headers['www-authenticate']], [401, 'Basic realm="Cistern", charset="UTF-8"']);
    }
  const lockedOut = await send('/v1/pins', { headers: { authorization: basic('ada', 'guessed too often') } });
  assert.deepEqual([lockedOut.status, lockedOut.headers['retry-after']], [429, '91']);
  // The first request of every browser has no password, so it is not audited.
  assert.deepEqual(
    actions.map(({ status }) => status),
    [401, 401, 401, 429],
  );
});

test('without operators, this machine may read, and an action is 403 with the setting to change', async (t) => {
  const send = build(t, { access: 'read-only' });
  for (const host of ['localhost:5003', '127.0.0.1:5003', '[::1]:5003', 'cache.localhost']) {
    assert.equal((await send('/v1/pins', { headers: { host } })).status, 200, host);
    assert.equal((await send('/console/', { headers: { host } })).status, 200, host);
  }
  const refused = await send('/v1/pins', { ...pin, headers: { host: 'localhost' } });
  assert.equal(refused.status, 403);
  assert.match(refused.body, /admin\.htpasswd\.path in the configuration to a file of operators; \\"cistern user add/);
  // Names that another site could resolve to this machine.
  for (const host of ['evil.example:5003', 'localhost.evil.example', '127.0.0.1.evil.example', '192.0.2.1'])
    for (const url of ['/v1/pins', '/console/', '/'])
      assert.equal((await send(url, { headers: { host } })).status, 421, host);
});

test('without operators on a public address, only the page is served, and the API is 403', async (t) => {
  const send = build(t, { access: 'nothing' });
  assert.equal((await send('/console/')).status, 200);
  const refused = await send('/v1/pins');
  assert.equal(refused.status, 403);
  assert.match(refused.body, /No operators are configured/);
});

test('a page of another site cannot act through an operator’s browser', async (t) => {
  const send = build(t, { access: accessOfTest });
  const act = async (headers: Readonly<Record<string, string>>, payload: string | object = pin.payload) =>
    (await send('/v1/pins', { method: 'POST', payload, headers: { host: 'cache.example:5003', ...ada, ...headers } }))
      .status;
  const own = 'http://cache.example:5003';
  assert.equal(await act({}), 200, 'a program');
  assert.equal(await act({ origin: own }), 200);
  assert.equal(await act({ origin: 'https://cache.example:5003' }), 200, 'behind a proxy that ends TLS');
  assert.equal(await act({ origin: 'https://outer.example', 'sec-fetch-site': 'same-origin' }), 200);
  for (const headers of [
    { origin: 'http://evil.example' },
    { origin: 'http://cache.example' },
    { origin: 'null' },
    { origin: own, 'sec-fetch-site': 'cross-site' },
    { origin: own, 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
  ])
    assert.equal(await act(headers), 403, JSON.stringify(headers));
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'multipart/form-data'])
    assert.equal(await act({ 'content-type': type }, JSON.stringify(pin.payload)), 415, type);
});

test('client setups use the host of the request, or the given address', async (t) => {
  const send = build(t, { access: 'everything' });
  const setups = async (query: string) => {
    const { status, body } = await send(`/v1/client-setups${query}`, { headers: { host: 'cache.example:5003' } });
    return { status, body };
  };
  const { url, clients } = JSON.parse((await setups('')).body) as {
    readonly url: string;
    readonly clients: readonly { readonly name: string; readonly steps: readonly { readonly content: string }[] }[];
  };
  assert.equal(url, 'http://cache.example:5000');
  assert.match(
    clients.find(({ name }) => name === 'docker')?.steps[0]?.content ?? '',
    /"http:\/\/cache\.example:5000"/,
  );
  const own = await setups('?url=https://pull.example&ca=/etc/our.crt');
  assert.match(own.body, /https:\/\/pull\.example.*\/etc\/our\.crt/);
  assert.equal((await setups('?url=nowhere')).status, 400);
});
