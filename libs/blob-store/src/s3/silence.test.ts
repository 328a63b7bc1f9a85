// Checks that a server that hangs costs callers one timeout, and not one for each request.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { openS3Store } from './open-s3-store.ts';

const digest = digestOf(Buffer.from('a blob'));
const isUnavailable = (error: unknown) => isCacheError(error, 'store-unavailable');

test('a server that does not respond gets no requests until it responds again', async (t) => {
  let hangs = false;
  const held = new Set<ServerResponse>();
  let requests = 0;
  const server = createServer((request, response) => {
    if (request.url !== '/') requests += 1;
    if (hangs) held.add(response);
    else if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 7, 'last-modified': 'x' }).end();
    else response.end('<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const logged: string[] = [];
  const store = await openS3Store({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    accessKey: 'key',
    secretKey: 'secret',
    bucket: 'bucket',
    rootDirectory: '',
    pathStyle: true,
    createBucket: false,
    timeoutMs: 3000,
    promptMs: 3000,
    log: { warn: (_fields, message) => void logged.push(message) },
    now: Date.now,
  });
  t.after(() => store.close());
  assert.deepEqual(await store.stat(digest), { size: 7 });
  const quiet = logged.length;

  hangs = true;
  await assert.rejects(store.stat(digest), isUnavailable);
  while (!logged.some((line) => line.includes('store unavailable'))) await delay(20);
  const before = requests;
  for (let count = 0; count < 50; count += 1) await assert.rejects(store.stat(digest), isUnavailable);
  assert.equal(requests, before);

  hangs = false;
  while (!logged.some((line) => line.includes('store available again'))) await delay(20);
  assert.deepEqual(await store.stat(digest), { size: 7 });
  assert.equal(logged.length, quiet + 2);
});
