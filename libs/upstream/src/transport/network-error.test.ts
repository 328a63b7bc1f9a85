import assert from 'node:assert/strict';
import { createServer, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { request } from 'undici';
import { toNetworkError } from './network-error.ts';

test('an answer that is not HTTP is named', async (t) => {
  const server = createServer((socket) => socket.end('SSH-2.0-OpenSSH\r\n\r\n')).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const error: unknown = await request(url).catch((thrown: unknown) => thrown);
  const { signal } = new AbortController();
  const converted = toNetworkError(error, { upstream: { name: 'registry', url }, url, signal });
  assert.ok(isCacheError(converted, 'upstream-unreachable'));
  assert.match(converted.message, /sent an answer that is not HTTP\/1\.1/);
});
