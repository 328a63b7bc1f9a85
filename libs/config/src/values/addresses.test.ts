import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseNetwork, parseProxyUrl, parseRegistryUrl, parseTcpAddress } from './addresses.ts';

test('parseTcpAddress reads addresses as Go does', () => {
  assert.deepEqual(parseTcpAddress(':5000'), { kind: 'tcp', host: undefined, port: 5000 });
  assert.deepEqual(parseTcpAddress('localhost:0'), { kind: 'tcp', host: 'localhost', port: 0 });
  assert.deepEqual(parseTcpAddress('[::1]:5000'), { kind: 'tcp', host: '::1', port: 5000 });
  for (const text of ['5000', '', 'a:b', '::1:5000', ':65536', '[x]:1', 'http://a:1', 'user@a:1', 'a/b:1', 'a b:1'])
    assert.throws(() => parseTcpAddress(text), /is not an address/, text);
});

test('parseNetwork reads networks and single addresses', () => {
  assert.equal(parseNetwork('10.0.0.0/8'), '10.0.0.0/8');
  assert.equal(parseNetwork('192.0.2.7'), '192.0.2.7/32');
  assert.equal(parseNetwork('fd00::/8'), 'fd00::/8');
  assert.equal(parseNetwork('::1'), '::1/128');
  for (const text of ['10.0.0.0/33', 'fd00::/129', 'host', '', '10.0.0.0/'])
    assert.throws(() => parseNetwork(text), /is not a network/, text);
});

test('parseRegistryUrl accepts http and https URLs and removes a trailing slash', () => {
  assert.equal(parseRegistryUrl('https://Registry-1.docker.io/'), 'https://registry-1.docker.io');
  assert.equal(parseRegistryUrl('http://127.0.0.1:5000'), 'http://127.0.0.1:5000');
  assert.equal(parseRegistryUrl('https://host/artifactory/docker/'), 'https://host/artifactory/docker');
  for (const text of ['registry-1.docker.io', 'ftp://host', 'https://', 'https:host', 'https://h/?q', 'https://h/#f'])
    assert.throws(() => parseRegistryUrl(text), text);
});

test('no error repeats a URL that may contain a password', () => {
  for (const parse of [() => parseRegistryUrl('https://me:hunter2@host'), () => parseProxyUrl('me:hunter2@host:3128')])
    assert.throws(parse, (error: Error) => !error.message.includes('hunter2'));
});
