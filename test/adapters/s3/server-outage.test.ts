// Tests a store whose real server is stopped or frozen: calls fail in bounded time, and the store recovers.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type BlobStore, bodyOf, putBytes } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { type Digest, digestOf } from '@cistern/oci';
import { diagnoseTime, startS3 } from '@cistern/test-servers';
import { openTestBucket } from './open-test-bucket.ts';
import { readBlob } from './read-blob.ts';

const s3 = await startS3();
after(async () => s3.close());

const options = { skip: !s3.controllable && 'the server of S3_ENDPOINT cannot be stopped' };
const mebibyte = 1024 * 1024;
const timeoutMs = 2500;

/** Opens a store. The default timeouts are short. */
async function openStore(t: TestContext, patience = { timeoutMs, promptMs: timeoutMs }): Promise<BlobStore> {
  // This hook comes first, so that it runs before the bucket is removed.
  t.after(async () => {
    s3.thaw();
    await s3.start();
  });
  return openTestBucket(t, s3).open(patience);
}

async function storeBlob(store: BlobStore, size: number): Promise<{ readonly digest: Digest; readonly bytes: Buffer }> {
  const bytes = randomBytes(size);
  const digest = digestOf(bytes);
  await putBytes(store, digest, bytes);
  return { digest, bytes };
}

async function fails(action: () => Promise<unknown>): Promise<void> {
  await assert.rejects(action, (error) => isCacheError(error, 'store-unavailable') && error.retryable);
}

async function readAll(read: () => Promise<number>): Promise<void> {
  while ((await read()) > 0);
}

const ways = {
  stopped: { stop: async () => s3.stop(), start: async () => s3.start() },
  frozen: { stop: async () => s3.freeze(), start: async () => s3.thaw() },
};

for (const [how, { stop, start }] of Object.entries(ways)) {
  test(`a read fails when its server is ${how}, and the same reader continues later`, options, async (t) => {
    const store = await openStore(t);
    const { digest, bytes } = await storeBlob(store, 30 * mebibyte);
    const reader = await store.open(digest);
    assert.ok(reader);
    const read = Buffer.alloc(bytes.length);
    const buffer = Buffer.alloc(mebibyte);
    let at = 0;
    const readOn = async () => {
      const length = await reader.read(buffer);
      at += buffer.copy(read, at, 0, length);
      return length;
    };
    await readOn();
    await stop();
    await fails(async () => readAll(readOn));
    assert.ok(at < bytes.length);
    await start();
    await onceItAnswers(async () => readAll(readOn));
    assert.equal(digestOf(read), digest);
    await reader.close();
  });

  test(`a write fails when its server is ${how}, and succeeds later`, options, async (t) => {
    const store = await openStore(t);
    const bytes = randomBytes(20 * mebibyte);
    const digest = digestOf(bytes);
    const segmentBytes = 5 * mebibyte;
    const upload = await store.beginUpload(digest, { size: bytes.length, segmentBytes });
    const put = (number: number) =>
      upload.put(number, bodyOf(bytes.subarray(number * segmentBytes, (number + 1) * segmentBytes)));
    await put(0);
    await stop();
    await fails(async () => Promise.all([1, 2, 3].map(put)));
    await fails(async () => store.stat(digest));
    await fails(async () => store.check());
    await start();
    // A store that hung is unavailable until a probe succeeds.
    assert.equal(await onceItAnswers(async () => store.stat(digest)), undefined);
    for (const number of [1, 2, 3]) await onceItAnswers(async () => put(number));
    await onceItAnswers(async () => upload.complete());
    assert.equal(digestOf(await onceItAnswers(async () => readBlob(store, digest))), digest);
  });
}

async function onceItAnswers<T>(call: () => Promise<T>): Promise<T> {
  // real-time: a limit against hanging
  const startedAtMs = performance.now();
  for (;;) {
    try {
      return await call();
    } catch (error) {
      // real-time: a limit against hanging
      if (!isCacheError(error, 'store-unavailable') || performance.now() - startedAtMs > 60_000) throw error;
      // real-time: polls a real S3 server
      await delay(100);
    }
  }
}

test('requests that a server left unanswered do not use up the connections', options, async (t) => {
  const store = await openStore(t);
  const { digest, bytes } = await storeBlob(store, 1000);
  s3.freeze();
  await Promise.all(Array.from({ length: 300 }, async () => fails(async () => store.stat(digest))));
  s3.thaw();
  assert.deepEqual(await onceItAnswers(async () => readBlob(store, digest)), bytes);
});

/** The default timeouts. */
const usual = { timeoutMs: 15_000, promptMs: 4000 };

test('while the server refuses connections, client reads fail and then recover immediately', options, async (t) => {
  const store = await openStore(t, usual);
  const { digest, bytes } = await storeBlob(store, 1000);
  await store.writeObject('cistern/a', Buffer.from('a'));
  const calls = [
    async () => store.stat(digest),
    async () => store.open(digest),
    async () => store.readObject('cistern/a'),
    async () => store.writeObject('cistern/a', Buffer.from('b')),
    async () => store.check(),
  ];
  await s3.stop();
  await diagnoseTime(t, 'ten requests', async () => {
    for (const call of [...calls, ...calls]) await fails(call);
  });
  await s3.start();
  assert.deepEqual(await readBlob(store, digest), bytes);
  assert.equal(Buffer.from((await store.readObject('cistern/a'))!).toString(), 'a');
});

test('a hanging server fails client reads, and no upload', options, async (t) => {
  const store = await openStore(t, usual);
  const { digest, bytes } = await storeBlob(store, 1000);
  const upload = randomBytes(10 * mebibyte);
  const uploaded = digestOf(upload);
  s3.freeze();
  const uploading = putBytes(store, uploaded, upload);
  const calls = [
    async () => store.stat(digest),
    async () => store.open(digest),
    async () => store.readObject('cistern/a'),
  ];
  await diagnoseTime(t, 'the requests', async () => Promise.all(calls.map(fails)));
  s3.thaw();
  assert.deepEqual(await onceItAnswers(async () => readBlob(store, digest)), bytes);
  await uploading;
  assert.equal(digestOf(await onceItAnswers(async () => readBlob(store, uploaded))), uploaded);
});
