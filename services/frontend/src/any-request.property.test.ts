// Sends requests with any method, path, query and headers to a listening frontend. Each request gets a response, no response is
// an internal error, and no stream stays open.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { digestOf } from '@cistern/oci';
import fc from 'fast-check';
import { createMemoryPullThrough } from './testing/memory-pull-through.ts';
import { startFrontend } from './testing/start-frontend.ts';

const blob = Buffer.from('a blob of a few bytes');
const manifest = Buffer.from('{"schemaVersion":2}');
const digests = [digestOf(blob), digestOf(manifest), `sha256:${'0'.repeat(64)}`];

const words = [
  '/v2/',
  '/',
  'library/app',
  'manifests/',
  'blobs/',
  'uploads/',
  'tags/list',
  'referrers/',
  '_catalog',
  'latest',
  ...digests,
];
const odd = [
  '..',
  '%2e%2e/',
  '%2F',
  '%00',
  '%',
  'quay.io',
  'ghcr.io/',
  'docker.io/',
  '?',
  '&',
  '=',
  'ns=',
  'ns=ghcr.io',
  'n=',
  '-1',
  'last=',
];
const path = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...words) }, fc.constantFrom(...odd)), { maxLength: 10 })
  .map((pieces) => `/v2/${pieces.join('')}`);
const known = fc.constantFrom(
  ...digests.flatMap((digest) => [`/v2/library/app/blobs/${digest}`, `/v2/library/app/manifests/${digest}`]),
  '/v2/library/app/manifests/latest?ns=docker.io',
  '/docker.io/v2/library/app/tags/list?n=1',
  '/v2/',
);
const field = fc.constantFrom(
  'Range',
  'If-None-Match',
  'Cache-Control',
  'Accept',
  'Authorization',
  'X-Forwarded-For',
  'X-Request-Id',
  'Content-Length',
  'Transfer-Encoding',
  'Expect',
  'Connection',
  'Upgrade',
  'Accept-Encoding',
  'Host',
  'Via',
  'X-Cistern-Hop',
);
const pieces = fc.constantFrom(
  'bytes=',
  '0-',
  '-5',
  '5-1',
  ',',
  '*',
  '"',
  'no-cache',
  'max-age=',
  '0',
  '-1',
  'chunked',
  '100-continue',
  'gzip',
  'Basic ',
  'Bearer ',
  'Og==',
  'h2c',
  'this-cluster',
  'ghcr.test',
);
const value = fc
  .array(fc.oneof(pieces, fc.string({ maxLength: 3 })), { maxLength: 6 })
  .map((all) => all.join('').replaceAll(/[\r\n]/g, ''));
const method = fc.constantFrom('GET', 'GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE', 'OPTIONS', 'BREW');
const request = fc
  .tuple(method, fc.oneof(path, known), fc.array(fc.tuple(field, value), { maxLength: 5 }))
  .map(([verb, target, headers]) => {
    const lines = headers.map(([name, text]) => `${name}: ${text}`);
    return [`${verb} ${target} HTTP/1.1`, 'Host: cache.test', ...lines, 'Connection: close', '', ''].join('\r\n');
  });
const anything = fc.oneof({ weight: 9, arbitrary: request }, { weight: 1, arbitrary: fc.string({ unit: 'binary' }) });

/** Returns everything that the frontend sends until it closes. The sender half-closes after its request. */
async function answerTo(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
  socket.end(text, 'latin1');
  const patience = new AbortController();
  const ended = await Promise.race([once(socket, 'close').then(() => true), delay(30_000, false, patience)]);
  patience.abort();
  socket.destroy();
  assert.ok(ended, `the response did not end: ${JSON.stringify(text)}`);
  return Buffer.concat(chunks).toString('latin1');
}

test('any request gets a response without an internal error, or a closed connection', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [blob], manifests: [manifest] });
  const { port, url, log } = await startFrontend(t, { pullThrough });
  const isServed = async () => (await fetch(`${url}/v2/library/app/blobs/${digestOf(blob)}`)).text();
  await fc.assert(
    fc.asyncProperty(anything, async (text) => {
      const answer = await answerTo(port, text);
      // 505 is for another HTTP version, and 508 for a request whose hop header has the ID of this cache.
      assert.doesNotMatch(answer, /^HTTP\/1\.1 5(?!05|08)/, text);
      assert.match(answer, /^(?:HTTP\/1\.1 \d{3} |$)/, 'a response, or a closed connection');
    }),
  );
  assert.equal(await isServed(), blob.toString());
  assert.equal(pullThrough.openStreams, 0, 'all opened streams are closed');
  assert.deepEqual(
    log.filter(({ level, errorKind }) => level === 'error' && errorKind !== 'loop-detected'),
    [],
  );
});
