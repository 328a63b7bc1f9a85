// Each fault of the simulated S3 server hits the product's adapter, on virtual time.
import '../virtual-time.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BlobStore, bodyOf, putBytes, readBytes } from '@cistern/blob-store';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { createRandom } from '../world/random.ts';
import { sampleBytes } from '../explore/sample-bytes.ts';
import { bucketName, openSimulatedBucket } from './fixtures/open-simulated-bucket.ts';
import type { S3FaultKind } from './s3-faults.ts';

const bytes = sampleBytes(500_000);
const digest = digestOf(bytes);
const large = sampleBytes(9_000_000);

async function fails(work: Promise<unknown>, code?: string): Promise<void> {
  await assert.rejects(
    work,
    (error) =>
      isCacheError(error, 'store-unavailable') &&
      (code === undefined || (error.detail as { readonly code?: string }).code === code),
  );
}

async function read(store: BlobStore): Promise<Buffer> {
  const found = await readBytes(store, digest, bytes.length);
  assert.ok(found);
  return found;
}

test('a PUT whose connection breaks makes no object visible', async (t) => {
  for (let seed = 1; seed <= 10; seed += 1) {
    const { s3, objects, store } = await openWith(t, seed);
    s3.faults.lost = 1;
    await fails(putBytes(store, digest, bytes), 'ECONNRESET');
    assert.equal(objects.size, 0);
    s3.faults.lost = 0;
    await putBytes(store, digest, bytes);
    assert.ok((await read(store)).equals(bytes));
    await store.close();
    await s3.end(0);
  }
});

async function openWith(t: Parameters<typeof openSimulatedBucket>[0], seed?: number) {
  const bucket = await openSimulatedBucket(t, seed);
  const store = await bucket.open();
  return { s3: bucket.s3, objects: bucket.objects, store };
}

test('a PUT whose response is lost still stores the object', async (t) => {
  const { s3, objects, store } = await openWith(t);
  s3.faults.unheard = 1;
  await fails(putBytes(store, digest, bytes));
  assert.deepEqual(
    [...objects.values()].map((object) => object.bytes.equals(bytes)),
    [true],
  );
  s3.faults.unheard = 0;
  assert.ok((await read(store)).equals(bytes));
});

test('an upload succeeds even if the server dies right after its completion', async (t) => {
  const { s3, objects, store } = await openWith(t);
  let deaths = 0;
  s3.contents.onVisible = () => {
    deaths += 1;
    void s3.kill().then(() => s3.restart());
  };
  const segmentBytes = 5 * 1024 * 1024;
  const upload = await store.beginUpload(digestOf(large), { size: large.length, segmentBytes });
  for (const number of [0, 1]) {
    const segment = large.subarray(number * segmentBytes, (number + 1) * segmentBytes);
    await upload.put(number, bodyOf(segment));
  }
  await upload.complete();
  assert.equal(deaths, 1);
  assert.deepEqual(
    [...objects.values()].map((object) => object.bytes.equals(large)),
    [true],
  );
  assert.equal(s3.contents.buckets.get(bucketName)!.uploads.size, 0);
});

test('requests to a silent server fail after the timeout of the adapter', async (t) => {
  const { s3, store } = await openWith(t);
  s3.faults.silent = 1;
  const startedAtMs = Date.now();
  await fails(store.stat(digest), 'SILENT');
  const tookMs = Date.now() - startedAtMs;
  assert.ok(tookMs >= 4_000 && tookMs < 5_000, `${tookMs}`);
  // By then the adapter's probe for a responding server has failed too.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  const laterMs = Date.now();
  await fails(store.stat(digest), 'SILENT');
  assert.ok(Date.now() - laterMs < 10, 'no further request');
  s3.faults.silent = 0;
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  assert.equal(await store.stat(digest), undefined);
});

test('a refusal is retried and then reported to the caller', async (t) => {
  const { s3, store } = await openWith(t);
  s3.faults.refused = 1;
  await assert.rejects(store.stat(digest), /is overloaded or failing \(HTTP 50[03]\)/);
});

test('a killed server refuses connections, and its successor keeps the objects', async (t) => {
  const { s3, store } = await openWith(t);
  await putBytes(store, digest, bytes);
  await s3.kill();
  await fails(store.stat(digest), 'ECONNREFUSED');
  await s3.restart();
  assert.ok((await read(store)).equals(bytes));
});

test('a frozen server responds once it is awake', async (t) => {
  const { s3, store } = await openWith(t);
  await putBytes(store, digest, bytes);
  s3.freeze();
  setTimeout(() => s3.wake(), 3_000);
  const startedAtMs = Date.now();
  assert.ok((await read(store)).equals(bytes));
  assert.ok(Date.now() - startedAtMs >= 3_000);
});

const kinds: readonly S3FaultKind[] = ['refused', 'silent', 'lost', 'unheard', 'torn', 'slow'];

for (const kind of kinds)
  test(`with requests that are ${kind}, each blob is whole or missing, and a successful write stores it`, async (t) => {
    let failures = 0;
    let successes = 0;
    for (let seed = 1; seed <= 12; seed += 1) {
      const { s3, objects, store } = await openWith(t, seed);
      s3.faults[kind] = 0.2 + createRandom(seed).fraction() / 2;
      const sample = seed % 4 === 0 ? large : bytes;
      const written = await settles(putBytes(store, digestOf(sample), sample));
      const [object] = objects.values();
      if (object !== undefined) assert.ok(object.bytes.equals(sample));
      if (written) assert.ok(object !== undefined);
      if (object !== undefined && sample === bytes) {
        const found = await settles(read(store).then((got) => assert.ok(got.equals(bytes))));
        if (found) successes += 1;
        else failures += 1;
      }
      await store.close();
      await s3.end(0);
    }
    assert.ok(successes > 0);
    if (kind === 'slow') assert.equal(failures, 0);
  });

/** Returns whether the work succeeds. The only allowed failure is an unavailable store. */
async function settles(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (!isCacheError(error, 'store-unavailable')) throw error;
    return false;
  }
}
