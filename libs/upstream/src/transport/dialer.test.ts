import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyFor } from './dialer.ts';

const proxies = { HTTPS_PROXY: 'http://secure.proxy:3128', HTTP_PROXY: 'http://plain.proxy:3128' };
const proxyOf = (url: string, noProxy = '', environment: object = proxies): string | undefined =>
  proxyFor(new URL(url), { ...environment, NO_PROXY: noProxy })?.url;

test('proxy: the scheme of the URL selects the variable', () => {
  assert.equal(proxyOf('https://quay.io/v2/'), 'http://secure.proxy:3128');
  assert.equal(proxyOf('http://quay.io/v2/'), 'http://plain.proxy:3128');
  assert.equal(proxyOf('http://quay.io/v2/', '', { HTTPS_PROXY: 'http://secure.proxy' }), undefined);
});

test('proxy: names in lower case take precedence, the scheme is optional, and an invalid URL throws', () => {
  assert.equal(proxyOf('https://quay.io', '', { ...proxies, https_proxy: 'other:8080' }), 'http://other:8080');
  assert.throws(() => proxyOf('https://quay.io', '', { HTTPS_PROXY: 'http://:::' }), TypeError);
});

test('proxy: loopback is never proxied', () => {
  for (const url of ['https://localhost:5000', 'https://127.0.0.2', 'https://[::1]:5000'])
    assert.equal(proxyOf(url), undefined);
});

const exempt = [
  ['https://quay.io', '*'],
  ['https://quay.io', 'ghcr.io, quay.io'],
  ['https://cdn.quay.io', 'quay.io'],
  ['https://cdn.quay.io', '.quay.io'],
  ['https://cdn.quay.io', '*.quay.io'],
  ['https://QUAY.io', 'Quay.IO'],
  ['https://quay.io', 'quay.io:443'],
  ['http://quay.io:8080', 'quay.io:8080'],
  ['https://10.1.2.3', '10.0.0.0/8'],
  ['https://10.1.2.3:5000', '10.1.2.3'],
  ['https://[fd00::1]:5000', 'fd00::/8'],
  ['https://[fd00::1]:5000', '[fd00::1]:5000'],
] as const;

for (const [url, noProxy] of exempt)
  test(`proxy: NO_PROXY ${noProxy} exempts ${url}`, () => assert.equal(proxyOf(url, noProxy), undefined));

const proxied = [
  ['https://quay.io', 'ay.io'],
  ['https://quay.io', '.quay.io'],
  ['https://quay.io.evil.example', 'quay.io'],
  ['https://quay.io', 'quay.io:8443'],
  ['https://11.1.2.3', '10.0.0.0/8'],
  ['https://quay.io', '10.0.0.0/8,fd00::/8,,'],
] as const;

for (const [url, noProxy] of proxied)
  test(`proxy: NO_PROXY ${noProxy} does not exempt ${url}`, () => assert.notEqual(proxyOf(url, noProxy), undefined));
