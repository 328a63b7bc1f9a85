// Tests blobs of several parts on the real server: they appear only whole, concurrent writers succeed, and no upload is
// left over.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type BlobStore, type BlobUpload, bodyOf } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { type Digest, digestOf } from '@cistern/oci';
import { startS3 } from '@cistern/test-servers';
import { until } from '../until.ts';
import { openTestBucket, rootDirectory } from './open-test-bucket.ts';
import { readBlob } from './read-blob.ts';

const s3 = await startS3();
after(async () => s3.close());

const mebibyte = 1024 * 1024;
const hourMs = 3_600_000;
// real-time: a store whose clock is two hours ahead of the S3 server
const inTwoHours = () => Date.now() + 2 * hourMs;

const segmentBytes = 5 * mebibyte;

function begin(store: BlobStore, digest: Digest, { length }: Uint8Array, resume?: string): Promise<BlobUpload> {
  return store.beginUpload(digest, { size: length, segmentBytes, resume });
}

/** Writes all segments, or those with the given numbers. */
async function write(upload: BlobUpload, bytes: Uint8Array, numbers = [0, 1]): Promise<void> {
  for (const number of numbers)
    await upload.put(number, bodyOf(bytes.subarray(number * segmentBytes, (number + 1) * segmentBytes)));
}

async function assertStored(store: BlobStore, digest: Digest): Promise<void> {
  assert.equal(digestOf(await readBlob(store, digest)), digest);
}

test('two nodes that write one blob at the same time both succeed', async (t) => {
  const bucket = openTestBucket(t, s3);
  const stores = [await bucket.open(), await bucket.open()] as const;
  const bytes = randomBytes(9 * mebibyte);
  const digest = digestOf(bytes);
  const uploads = await Promise.all([...stores, stores[0]].map(async (store) => begin(store, digest, bytes)));
  for (const number of [1, 0]) await Promise.all(uploads.map(async (upload) => write(upload, bytes, [number])));
  await Promise.all(uploads.map(async (upload) => upload.complete()));
  await assertStored(stores[1], digest);
  assert.deepEqual(await bucket.uploads(), []);
});

test('an unfinished blob is not visible, and an aborted one leaves nothing behind', async (t) => {
  const bucket = openTestBucket(t, s3);
  const store = await bucket.open();
  const bytes = randomBytes(9 * mebibyte);
  const digest = digestOf(bytes);
  const upload = await begin(store, digest, bytes);
  await write(upload, bytes);
  assert.deepEqual(await bucket.uploads(), [upload.id]);
  assert.equal(await store.stat(digest), undefined);
  assert.deepEqual(await Array.fromAsync(store.list()), []);
  await upload.abort();
  assert.equal(await store.stat(digest), undefined);
  assert.deepEqual(await bucket.uploads(), []);
});

test('completing an upload that another node ended succeeds only if the blob exists', async (t) => {
  const bucket = openTestBucket(t, s3);
  const store = await bucket.open();
  const bytes = randomBytes(9 * mebibyte);
  const digest = digestOf(bytes);
  for (const [stored, succeeds] of [
    [undefined, false],
    [bytes.subarray(1), false],
    [bytes, true],
  ] as const) {
    const upload = await begin(store, digest, bytes);
    await write(upload, bytes);
    const name = bucket.blobName(digest);
    await bucket.client.abortMultipartUpload(bucket.name, name, encodeURIComponent(upload.id));
    if (stored !== undefined) await bucket.client.putObject(bucket.name, name, stored);
    if (succeeds) await upload.complete();
    else
      await assert.rejects(upload.complete(), (error) => isCacheError(error, 'store-unavailable') && error.retryable);
    await upload.abort();
  }
  await assertStored(store, digest);
});

test('a process killed during an upload leaves no visible blob, and the sweeper ends the upload', async (t) => {
  const bucket = openTestBucket(t, s3);
  const store = await bucket.open();
  const digest = digestOf(randomBytes(10));
  const { endpoint, region, accessKey, secretKey } = s3;
  const child = fork(fileURLToPath(import.meta.resolve('./upload-until-killed.ts')));
  child.send({ endpoint, region, accessKey, secretKey, bucket: bucket.name, rootDirectory, digest });
  await until('an upload is under way', async () => (await bucket.uploads()).length > 0);
  child.kill('SIGKILL');
  await once(child, 'exit');

  const bytes = randomBytes(9 * mebibyte);
  const own = await begin(store, digestOf(bytes), bytes);
  await write(own, bytes);
  assert.equal((await bucket.uploads()).length, 2);
  assert.equal(await store.stat(digest), undefined);
  assert.equal(await store.sweepUploads(hourMs), 0, 'too young');
  const later = await bucket.open({ now: inTwoHours });
  assert.equal(await later.sweepUploads(hourMs, async () => true), 0, 'all uploads are kept');
  assert.equal(await later.sweepUploads(hourMs, async (one) => one !== digest), 1);
  assert.deepEqual(await bucket.uploads(), [own.id]);
  // Another process can resume the upload.
  const resumed = await begin(later, digestOf(bytes), bytes, own.id);
  assert.deepEqual(resumed.tags, own.tags);
  assert.equal(await later.sweepUploads(hourMs), 0);
  await resumed.complete();
  await own.complete();
  await assertStored(store, digestOf(bytes));
});

test('a missing bucket is created where that is allowed, and reported otherwise', async (t) => {
  const bucket = openTestBucket(t, s3);
  await assert.rejects(
    bucket.open({ createBucket: false }),
    (error: Error) =>
      isCacheError(error, 'store-unavailable') &&
      error.message ===
        `Bucket "${bucket.name}" does not exist at ${s3.endpoint}. Create it, or set storage.s3.createbucket: true.`,
  );
  // Two nodes start at the same time.
  await Promise.all([bucket.open(), bucket.open()]);
  await bucket.open({ createBucket: false });
});

test('a bucket rule makes the server end uploads after a day', async (t) => {
  const bucket = openTestBucket(t, s3);
  await bucket.open();
  const rules = await bucket.client.getBucketLifecycle(bucket.name);
  const [rule] = [rules?.Rule ?? []].flat();
  assert.equal(rule?.AbortIncompleteMultipartUpload?.DaysAfterInitiation, 1);
  assert.equal(rule.Filter?.Prefix, 'registry/root/docker/registry/v2/blobs/');
  await bucket.open();
  assert.deepEqual(await bucket.client.getBucketLifecycle(bucket.name), rules);
  assert.deepEqual(bucket.log.lines, []);
});

test('foreign bucket rules stay as they are, with a warning', async (t) => {
  const bucket = openTestBucket(t, s3);
  await bucket.client.makeBucket(bucket.name);
  const foreign = { Rule: [{ ID: 'x', Status: 'Enabled', Filter: { Prefix: 'tmp/' }, Expiration: { Days: 1 } }] };
  await bucket.client.setBucketLifecycle(bucket.name, foreign);
  const before = await bucket.client.getBucketLifecycle(bucket.name);
  await bucket.open();
  assert.deepEqual(await bucket.client.getBucketLifecycle(bucket.name), before);
  assert.equal(bucket.log.lines.length, 1);
});

test('wrong keys are reported with the reason of the server', async (t) => {
  const bucket = openTestBucket(t, s3);
  await bucket.open();
  await assert.rejects(bucket.open({ secretKey: 'wrong' }), /the secret key does not belong to the access key/);
  await assert.rejects(bucket.open({ accessKey: 'nobody' }), /does not know the access key/);
});
