// The known ways to hide an internal address from a check (SSRF), as targets of redirects. The tests open no
// connection, but check where the dialer would connect.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isCacheError } from '@cistern/errors';
import { createDialer, type DialerOptions } from './dialer.ts';
import { followRedirects } from './follow-redirects.ts';
import { publicOnly } from './egress-policy.ts';
import { checkRealm } from './token-request.ts';
import type { TransportRequest } from './transport.ts';

const refused = (error: unknown) => isCacheError(error, 'upstream-refused-us') && !error.retryable;

function dialerOf(url: string, options: Partial<DialerOptions> = {}) {
  const upstream = { name: 'test', url: new URL(url) };
  return createDialer({
    upstream,
    allowPrivate: false,
    proxyFor: () => undefined,
    tls: {},
    connectTimeoutMs: 1000,
    keepAliveTimeoutMs: 1000,
    maxConnections: 1,
    ...options,
  });
}

/** Follows these locations in order. Resolves to the URLs to which the dialer would connect. */
async function follow(url: string, locations: readonly string[]): Promise<readonly string[]> {
  const upstream = { name: 'test', url: new URL(url) };
  const dialer = dialerOf(url);
  const dialled: string[] = [];
  const request: TransportRequest = {
    operation: 'get-blob',
    method: 'GET',
    url: upstream.url,
    headers: {},
    signal: new AbortController().signal,
    maxBodyBytes: undefined,
  };
  await followRedirects(upstream)(async ({ url: to, isRedirected }) => {
    dialer.dispatcherFor(to, isRedirected);
    dialled.push(to.href);
    const location = locations[dialled.length - 1];
    const headers = location === undefined ? {} : { location };
    return { status: location === undefined ? 200 : 307, headers, url: to, body: Readable.from([]) };
  })(request);
  await dialer.close();
  return dialled;
}

const registry = 'http://registry.example/v2/';

const addresses = `
  169.254.169.254 169.254.169.254. 169.254.169.254:8080 2852039166 0xa9fea9fe 0XA9FEA9FE 025177524776
  0251.0376.0251.0376 0xa9.0xfe.0xa9.0xfe 0xA9.254.0251.254 169.254.43518 169.16689662 0251.254.43518
  %31%36%39.254.169.254 169%2e254%2e169%2e254 169。254。169。254 １６９.254.169.254 ①⑥⑨.②⑤④.①⑥⑨.②⑤④
  127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 017700000001 127.255.255.254 0 0.0.0.0 00000000 0x0 0.1
  10.0.0.1 172.16.0.1 192.168.0.1 100.64.0.1 100.100.100.200 168.63.129.16 192.0.0.192 198.18.0.1 224.0.0.1 255.255.255.255
  [::] [::1] [0:0:0:0:0:0:0:1] [::127.0.0.1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:169.254.169.254] [::ffff:a9fe:a9fe]
  [::ffff:0:a9fe:a9fe] [64:ff9b::a9fe:a9fe] [64:ff9b::169.254.169.254] [64:ff9b:1::a9fe:a9fe] [2002:a9fe:a9fe::1]
  [fd00:ec2::254] [fd20:ce::254] [fe80::1] [fe80::a9fe:a9fe] [fec0::1] [ff02::1] [2001:db8::1] [100::1]`
  .trim()
  .split(/\s+/);

for (const address of addresses)
  test(`SSRF: a redirect to ${address} is refused, and so is a token realm there`, async () => {
    for (const scheme of ['http', 'https']) {
      await assert.rejects(follow(registry, [`${scheme}://${address}/x`]), refused, scheme);
      await assert.rejects(checkRealm({ name: 'test', url: new URL(registry) }, `${scheme}://${address}/x`), refused);
    }
  });

for (const location of [
  'http://registry.example@169.254.169.254/',
  'http://registry.example:80@169.254.169.254/',
  'http://registry.example%2f@169.254.169.254/',
  'http://a@registry.example:b@169.254.169.254/',
  'http://169.254.169.254#@registry.example/',
  'http://169.254.169.254?@registry.example/',
  'http://169.254.169.254\\@registry.example/',
  '//169.254.169.254/',
  '\\\\169.254.169.254\\',
  '/\\169.254.169.254/',
  'http:\\\\169.254.169.254\\',
  'https:169.254.169.254/',
  'https:////169.254.169.254/',
  'http://169.254.\t169.254/',
  ' http://169.254.169.254/ ',
  'HTTP://169.254.169.254/',
])
  test(`SSRF: a redirect to ${JSON.stringify(location)} is refused`, () =>
    assert.rejects(follow(registry, [location]), refused));

for (const location of [
  'file:///etc/passwd',
  'file://169.254.169.254/etc/passwd',
  'ftp://registry.example/x',
  'gopher://registry.example:6379/_FLUSHALL',
  'dict://registry.example:6379/info',
  'ldap://registry.example/x',
  'ws://registry.example/x',
  'wss://registry.example/x',
  'http+unix://%2fvar%2frun%2fdocker.sock/x',
  'unix:/var/run/docker.sock',
  'data:text/plain,x',
  'javascript:x',
  'blob:http://registry.example/x',
  'about:blank',
  'view-source:http://registry.example/',
])
  test(`SSRF: a redirect to ${location} is refused`, () => assert.rejects(follow(registry, [location]), refused));

for (const location of [
  'http://[fe80::1%25eth0]/',
  'http://[fe80::1%eth0]/',
  'http://[::1',
  'http://256.256.256.256/',
  'http://1.2.3.4.5/',
  'http://0x100000000/',
  'http://a b/',
  'http://:80/',
  'http://[::ffff:127.1]/',
])
  test(`SSRF: a redirect to ${location} fails with content-mismatch`, () =>
    assert.rejects(follow(registry, [location]), (error) => isCacheError(error, 'content-mismatch')));

test('SSRF: each redirect of a chain is checked', async () => {
  const inside = 'http://169.254.169.254/';
  for (const before of [
    ['/a'],
    ['/a', '/b', '/c', '/d'],
    ['http://1.1.1.1/'],
    ['/a', 'http://1.1.1.1/', 'http://registry.example/b'],
  ])
    await assert.rejects(follow(registry, [...before, inside]), refused, before.join());
  assert.deepEqual(await follow(registry, ['/a', 'http://1.1.1.1/b', 'c']), [
    registry,
    'http://registry.example/a',
    'http://1.1.1.1/b',
    'http://1.1.1.1/c',
  ]);
});

test('SSRF: a private upstream may redirect only to its own origin, and https never to http', async () => {
  assert.equal((await follow('http://10.0.0.5:5000/', ['http://10.0.0.5:5000/x', '/y'])).length, 3);
  for (const [own, location] of [
    ['http://10.0.0.5:5000/', 'http://10.0.0.5/'],
    ['http://10.0.0.5:5000/', 'http://10.0.0.5:6379/'],
    ['http://10.0.0.5:5000/', 'https://10.0.0.5:5000/'],
    ['http://10.0.0.5:5000/', 'http://10.0.0.6:5000/'],
    ['https://10.0.0.5/', 'http://10.0.0.5/'],
    ['https://registry.example/', 'http://registry.example/'],
    ['https://registry.example/', 'http://1.1.1.1/'],
  ] as const)
    await assert.rejects(follow(own, [location]), refused, location);
});

test('SSRF: a proxy receives no request for a name of this machine', () => {
  const dialer = dialerOf(registry, { proxyFor: () => ({ url: 'http://proxy.example:3128' }) });
  for (const host of ['localhost', 'LOCALHOST', 'localhost.', 'a.localhost', '127.1', '[::1]', '2852039166'])
    assert.throws(() => dialer.dispatcherFor(new URL(`http://${host}/`), true), refused, host);
});

/** Creates a resolver that returns the next of these answers each time. */
function resolver(...answers: readonly (readonly string[])[]) {
  const lookups: string[] = [];
  const lookup: LookupFunction = (hostname, _options, callback) => {
    const found = answers[lookups.length] ?? [];
    lookups.push(hostname);
    callback(
      null,
      found.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  const checked = publicOnly(lookup, { name: 'test', url: new URL(registry) });
  const find = (hostname: string, all = true) =>
    new Promise<unknown>((resolve, reject) => {
      checked(hostname, { all }, (error, address) => (error === null ? resolve(address) : reject(error)));
    });
  return { find, lookups };
}

test('SSRF: a name with only internal addresses is refused', async () => {
  for (const name of [
    'localhost',
    'localhost.',
    'registry.example.',
    'metadata.google.internal',
    '169.254.169.254.nip.io',
  ])
    for (const found of [
      ['127.0.0.1'],
      ['169.254.169.254', '::1'],
      ['::ffff:10.0.0.1'],
      ['fe80::1%eth0'],
      ['64:ff9b::a9fe:a9fe'],
      [],
    ])
      await assert.rejects(resolver(found).find(name), refused, `${name}: ${found.join()}`);
});

test('SSRF: only the public addresses of a name are dialled', async () => {
  const mixed = ['10.0.0.1', '1.1.1.1', '::1', '2606:4700::1111'];
  assert.deepEqual(await resolver(mixed).find('cdn.example'), [
    { address: '1.1.1.1', family: 4 },
    { address: '2606:4700::1111', family: 6 },
  ]);
  assert.equal(await resolver(mixed).find('cdn.example', false), '1.1.1.1');
});

test('SSRF: a name is resolved once for each connection and checked each time (DNS rebinding)', async () => {
  const { find, lookups } = resolver(['1.1.1.1'], ['127.0.0.1'], ['8.8.8.8']);
  assert.deepEqual(await find('cdn.example'), [{ address: '1.1.1.1', family: 4 }]);
  assert.equal(lookups.length, 1);
  await assert.rejects(find('cdn.example'), refused);
  assert.equal(lookups.length, 2);
  assert.deepEqual(await find('cdn.example'), [{ address: '8.8.8.8', family: 4 }]);
});
