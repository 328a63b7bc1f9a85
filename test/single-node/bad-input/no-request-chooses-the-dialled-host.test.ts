// Tests that names in a request are only looked up in the table of upstreams. A name is never used as an address.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { after, test } from 'node:test';
import { assertRefused } from '../src/assert-refused.ts';
import { openCistern, openUpstream } from '../src/open-stage.ts';
import { sendRaw } from '../src/send-raw.ts';

const upstream = await openUpstream({ after });
upstream.addImage('library/app', { tag: 'latest' });
const quay = await openUpstream({ after });
quay.addImage('library/app', { tag: 'latest' });
const { port } = await openCistern(
  { after },
  { config: { upstreams: { 'docker.io': { url: upstream.url }, 'quay.io': { url: quay.url } } } },
);

let connections = 0;
const victim = createServer((socket) => {
  connections += 1;
  socket.destroy();
}).listen(0, '127.0.0.3');
await once(victim, 'listening');
after(() => void victim.close());
const address = `127.0.0.3:${(victim.address() as AddressInfo).port}`;
const path = '/v2/library/app/manifests/latest';

for (const ns of [
  '169.254.169.254',
  address,
  `http://${address}`,
  '127.0.0.1',
  new URL(upstream.url).host,
  'localhost',
  'unknown.example.com',
  'docker.io.evil.test',
  'docker.io@evil.test',
  '..',
  '%00',
  'x'.repeat(5000),
])
  test(`ns=${ns.slice(0, 40)} is unknown`, async () => {
    assertRefused(await sendRaw(port, `${path}?ns=${ns}`), 404, 'NAME_UNKNOWN');
  });

for (const [what, target, status, code] of [
  ['an address before /v2/', `/${address}${path}`, 404, 'NAME_UNKNOWN'],
  ['an address in the name', `/v2/${address}/library/app/manifests/latest`, 400, 'NAME_INVALID'],
  [
    'another upstream in the name than in ns',
    '/v2/quay.io/library/app/manifests/latest?ns=docker.io',
    400,
    'NAME_INVALID',
  ],
  ['another upstream before /v2/ than in ns', `/quay.io${path}?ns=docker.io`, 400, 'NAME_INVALID'],
  [
    'another upstream in the name than before /v2/',
    '/docker.io/v2/quay.io/library/app/manifests/latest',
    400,
    'NAME_INVALID',
  ],
] as const)
  test(what, async () => {
    assertRefused(await sendRaw(port, target), status, code);
  });

test('two values of ns never select an upstream outside the table', async () => {
  for (const query of [`ns=docker.io&ns=${address}`, `ns=${address}&ns=docker.io`]) {
    const { status } = await sendRaw(port, `${path}?${query}`);
    assert.ok([200, 400, 404].includes(status), `status ${status}`);
  }
  assert.ok(upstream.requests().every(({ repository }) => repository === 'library/app'));
  upstream.reset();
});

test('forwarded host headers are ignored', async () => {
  const { status } = await sendRaw(port, `${path}?ns=unknown.example.com`, {
    host: address,
    'x-forwarded-host': address,
    'x-forwarded-for': address,
    forwarded: `host=${address}`,
  });
  assert.equal(status, 404);
  for (const headers of [{ host: address }, { 'x-forwarded-host': address }])
    assert.equal((await sendRaw(port, path, headers)).headers['x-cistern-upstream'], 'docker.io');
  const absolute = await sendRaw(port, `http://${address}${path}`);
  assert.equal(absolute.headers['x-cistern-upstream'], 'docker.io');
  upstream.reset();
});

test('none of these requests dialled another host', () => {
  assert.equal(connections, 0);
  assert.equal(upstream.count(), 0);
  assert.equal(quay.count(), 0);
});
