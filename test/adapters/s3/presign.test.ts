// Tests signed URLs on the real server, as clients of the cache use them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { putBytes } from '@cistern/blob-store';
import type { S3StoreOptions } from '@cistern/blob-store/s3';
import { digestOf } from '@cistern/oci';
import { startS3 } from '@cistern/test-servers';
import { openTestBucket } from './open-test-bucket.ts';

const s3 = await startS3();
after(async () => s3.close());

const bytes = randomBytes(100_000);
const digest = digestOf(bytes);

async function openWithBlob(t: TestContext, options: Partial<S3StoreOptions> = {}) {
  const bucket = openTestBucket(t, s3);
  const store = await bucket.open(options);
  await putBytes(store, digest, bytes);
  return { bucket, store };
}

test('the URL alone lets a client read the blob, whole or in ranges, whatever its stored type', async (t) => {
  const { bucket, store } = await openWithBlob(t);
  await bucket.client.putObject(bucket.name, bucket.blobName(digest), bytes, bytes.length, {
    'Content-Type': 'text/html',
  });
  const url = await store.presign(digest, { expiresMs: 60_000 });
  const whole = await fetch(url);
  assert.equal(whole.status, 200);
  assert.equal(whole.headers.get('content-type'), 'application/octet-stream');
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(bytes));
  const part = await fetch(url, { headers: { range: 'bytes=1000-' } });
  assert.equal(part.status, 206);
  assert.equal(part.headers.get('content-range'), `bytes 1000-${bytes.length - 1}/${bytes.length}`);
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(1000)));
});

test('the URL is valid only for reading that blob', async (t) => {
  const { store } = await openWithBlob(t);
  const url = await store.presign(digest, { expiresMs: 60_000 });
  const other = url.replace('/data?', '/other?');
  assert.notEqual(other, url);
  for (const [target, method] of [
    [url, 'PUT'],
    [url, 'DELETE'],
    [other, 'GET'],
  ] as const) {
    const answer = await fetch(target, { method });
    assert.equal(answer.status, 403, `${method} ${target}`);
    await answer.body?.cancel();
  }
  assert.deepEqual(await store.stat(digest), { size: bytes.length });
});

test('the URL has the public endpoint, whose name its signature covers', async (t) => {
  const { port } = new URL(s3.endpoint);
  const options = s3.controllable ? { publicEndpoint: `http://localhost:${port}` } : {};
  const { store } = await openWithBlob(t, options);
  const url = await store.presign(digest, { expiresMs: 60_000 });
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  await answer.body?.cancel();
  if (!s3.controllable) return;
  assert.equal(new URL(url).host, `localhost:${port}`);
  const elsewhere = await fetch(url.replace('//localhost', '//127.0.0.1'));
  assert.equal(elsewhere.status, 403);
  await elsewhere.body?.cancel();
});

test('the public endpoint need not be reachable for the cache', async (t) => {
  const { store } = await openWithBlob(t, { publicEndpoint: 'https://blobs.example', pathStyle: true });
  const { protocol, host, searchParams } = new URL(await store.presign(digest, { expiresMs: 90_500 }));
  assert.deepEqual([protocol, host, searchParams.get('X-Amz-Expires')], ['https:', 'blobs.example', '90']);
});

test('the URL expires at the given time', async (t) => {
  const { store } = await openWithBlob(t);
  const url = await store.presign(digest, { expiresMs: 1 });
  // real-time: the URL expires by the clock of the S3 server, in whole seconds
  await delay(2500);
  const answer = await fetch(url);
  assert.equal(answer.status, 403);
  await answer.body?.cancel();
});
