// Tests objects of the bucket that do not match their digest. Reads detect them as on a disk, and the cache heals them.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startFakeUpstream } from '@cistern/fake-upstream';
import { type Digest, digestOf } from '@cistern/oci';
import { quarantinePrefix } from '@cistern/blob-store';
import { startCistern, startS3 } from '@cistern/test-servers';
import { until } from '../until.ts';
import { openTestBucket, rootDirectory as rootdirectory } from './open-test-bucket.ts';
import { readBlob } from './read-blob.ts';

const s3 = await startS3();
after(async () => s3.close());

const small = randomBytes(300_000);
const large = randomBytes(3_000_000);

test('a damaged small object is fetched again before the client notices, a large one after its first read', async (t) => {
  const bucket = openTestBucket(t, s3);
  const store = await bucket.open();
  const upstream = await startFakeUpstream();
  t.after(() => upstream.close());
  const indexdirectory = await mkdtemp(join(tmpdir(), 'cistern-flipped-'));
  t.after(() => rm(indexdirectory, { recursive: true }));
  const { endpoint: regionendpoint, region, accessKey: accesskey, secretKey: secretkey } = s3;
  const place = { bucket: bucket.name, rootdirectory, indexdirectory };
  const options = {
    config: {
      upstreams: { 'docker.io': { url: upstream.url, timeouts: { silence: '10s' } } },
      storage: { s3: { regionendpoint, region, accesskey, secretkey, ...place } },
    },
  };
  let cistern = await startCistern(options);
  t.after(() => cistern.stop());
  const get = async (digest: Digest) => {
    const answer = await fetch(`${cistern.url}/v2/library/app/blobs/${digest}`);
    return Buffer.from(await answer.arrayBuffer());
  };
  const untilStored = (digest: Digest) =>
    until('the blob is stored', async () => (await store.stat(digest)) !== undefined);
  const fill = async (bytes: Buffer) => {
    const { digest } = upstream.addBlob('library/app', bytes);
    assert.ok((await get(digest)).equals(bytes));
    await untilStored(digest);
    return digest;
  };
  const flip = async (digest: Digest, bytes: Buffer) => {
    const flipped = Buffer.from(bytes);
    flipped[bytes.length / 2]! ^= 1;
    await bucket.client.putObject(bucket.name, bucket.blobName(digest), flipped);
  };

  const [smallDigest, largeDigest] = [await fill(small), await fill(large)];
  // The index now has the records of the stored blobs.
  await cistern.stop();
  cistern = await startCistern(options);
  await flip(smallDigest, small);
  assert.ok((await get(smallDigest)).equals(small));
  await flip(largeDigest, large);
  await assert.rejects(get(largeDigest));
  assert.ok((await get(largeDigest)).equals(large));
  for (const digest of [smallDigest, largeDigest]) {
    await untilStored(digest);
    assert.equal(digestOf(await readBlob(store, digest)), digest);
  }
  const kept: string[] = [];
  for await (const key of store.listObjects(quarantinePrefix)) kept.push(key);
  assert.equal(kept.length, 2);
  await cistern.stop();
});
