import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import type { Authenticator } from '@cistern/auth';
import { digestOf } from '@cistern/oci';
import { createMemoryPullThrough } from '../testing/memory-pull-through.ts';
import { sendRequest } from '../testing/send-request.ts';
import { startFrontend } from '../testing/start-frontend.ts';

const bytes = randomBytes(3_000_000);
const digest = digestOf(bytes);
const emptyDigest = digestOf(Buffer.alloc(0));

test('a blob is sent byte for byte, with its length, digest and entity tag, and without an encoding', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes] });
  const { url } = await startFrontend(t, { pullThrough });
  const { status, headers, body, complete } = await sendRequest(`${url}/v2/library/nginx/blobs/${digest}`, {
    headers: {
      accept: 'application/vnd.oci.image.layer.v1.tar+gzip, */*',
      'accept-encoding': 'zstd;q=1.0, gzip;q=0.8',
    },
  });
  assert.equal(status, 200);
  assert.ok(complete);
  assert.equal(digestOf(body), digest);
  assert.equal(headers['content-length'], String(bytes.length));
  assert.equal(headers['transfer-encoding'], undefined);
  assert.equal(headers['content-encoding'], undefined);
  assert.equal(headers['content-type'], 'application/octet-stream');
  assert.equal(headers['accept-ranges'], 'bytes');
  assert.equal(headers['docker-content-digest'], digest);
  assert.equal(headers.etag, `"${digest}"`);
  assert.equal(headers['x-cache'], 'HIT');
  assert.equal(headers['x-cistern-upstream'], 'docker.io');
  assert.equal(pullThrough.openStreams, 0);
});

test('a client is identified by user and address, so that a repeated read is recognized', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes] });
  const authenticator: Authenticator = {
    challenge: { scheme: 'basic', realm: 'here' },
    async authenticate({ authorization = '' }) {
      return { result: 'accepted', method: 'password', identity: { name: authorization, method: 'password' } };
    },
  };
  const { url } = await startFrontend(t, { pullThrough, authenticator, trustedProxies: ['127.0.0.1'] });
  const names: unknown[] = [];
  for (const authorization of ['ada', 'bob'])
    for (const address of ['203.0.113.9', '203.0.113.10', '203.0.113.9']) {
      const headers = { authorization, 'x-forwarded-for': address };
      await sendRequest(`${url}/v2/library/nginx/blobs/${digest}`, { headers });
      names.push(pullThrough.calls.at(-1)?.request['client']);
    }
  assert.equal(new Set(names).size, 4);
  assert.deepEqual([names[0], names[3]], [names[2], names[5]]);
});

test('a HEAD has the headers of a GET and opens no stream', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes] });
  const { url } = await startFrontend(t, { pullThrough });
  const path = `${url}/v2/library/nginx/blobs/${digest}`;
  const get = await sendRequest(path);
  const reads = pullThrough.reads;
  const head = await sendRequest(path, { method: 'HEAD' });
  const ignored = { date: '', 'x-request-id': '' };
  assert.deepEqual({ ...head.headers, ...ignored }, { ...get.headers, ...ignored });
  assert.equal(head.status, 200);
  assert.equal(head.body.length, 0);
  assert.equal(pullThrough.reads, reads);
  assert.deepEqual(
    pullThrough.calls.map(({ request }) => request['intent']),
    ['whole', 'stat'],
  );
});

test('a HEAD ignores Range', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [bytes] });
  const { url } = await startFrontend(t, { pullThrough });
  const head = await sendRequest(`${url}/v2/library/nginx/blobs/${digest}`, {
    method: 'HEAD',
    headers: { range: 'bytes=0-9' },
  });
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], String(bytes.length));
});

test('an empty blob is an empty response', async (t) => {
  const pullThrough = createMemoryPullThrough({ blobs: [Buffer.alloc(0)] });
  const { url } = await startFrontend(t, { pullThrough });
  for (const headers of [{}, { range: 'bytes=0-' }]) {
    const answer = await sendRequest(`${url}/v2/library/nginx/blobs/${emptyDigest}`, { headers });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-length'], '0');
    assert.ok(answer.complete);
  }
  assert.equal(pullThrough.openStreams, 0);
});
