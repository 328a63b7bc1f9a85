// real-time: the server has the machine's clock
// Tests that the S3 policy of docker-compose.yml (infra/s3/policy.json) is sufficient for all operations of nodes. Here
// it is the policy of a bucket that another account owns.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { bodyOf, putBytes } from '@cistern/blob-store';
import { digestOf } from '@cistern/oci';
import { startS3 } from '@cistern/test-servers';
import { openTestBucket } from './open-test-bucket.ts';
import { readBlob } from './read-blob.ts';

const s3 = await startS3();
after(async () => s3.close());

interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
}

const policyFile = new URL('../../../infra/s3/policy.json', import.meta.url);
const mebibyte = 1024 * 1024;
const day = 86_400_000;

test(
  'an account with the policy of the compose file can do all store operations, in its bucket only',
  {
    skip: !s3.controllable && 'the server of S3_ENDPOINT has no further accounts',
  },
  async (t) => {
    const keys = { accessKey: randomBytes(10).toString('hex'), secretKey: randomBytes(20).toString('hex') };
    const principal = await s3.addAccount(keys);
    const bucket = openTestBucket(t, s3);
    await bucket.client.makeBucket(bucket.name, s3.region);
    const { Statement: statements } = JSON.parse(await readFile(policyFile, 'utf8')) as { Statement: Statement[] };
    const ofBucket = statements.map((statement) => ({
      ...statement,
      Principal: { AWS: [principal] },
      Resource: statement.Resource.map((name) =>
        name.replace(/^arn:aws:s3:::cistern(?=\/|$)/, `arn:aws:s3:::${bucket.name}`),
      ),
    }));
    await bucket.client.setBucketPolicy(bucket.name, JSON.stringify({ Version: '2012-10-17', Statement: ofBucket }));

    const store = await bucket.open({ ...keys, createBucket: false });
    assert.deepEqual(bucket.log.lines, []);
    for (const size of [1000, 17 * mebibyte]) {
      const bytes = randomBytes(size);
      const digest = digestOf(bytes);
      await putBytes(store, digest, bytes);
      assert.deepEqual(await store.stat(digest), { size });
      assert.equal(digestOf(await readBlob(store, digest)), digest);
      assert.equal(await store.quarantine(digest, Date.now()), true);
      await putBytes(store, digest, bytes);
      assert.equal((await fetch(await store.presign(digest, { expiresMs: 60_000 }))).status, 200);
      const listed = await Array.fromAsync(store.list(digest.slice('sha256:'.length, 'sha256:'.length + 2)));
      assert.ok(listed.length > 0);
      assert.deepEqual(await store.removeAll([digest]), new Map());
      assert.equal(await store.stat(digest), undefined);
      assert.equal(await store.stat(digest), undefined);
    }
    const bytes = randomBytes(9 * mebibyte);
    const [digest, segmentBytes] = [digestOf(bytes), 5 * mebibyte];
    const begin = (resume?: string) => store.beginUpload(digest, { size: bytes.length, segmentBytes, resume });
    const begun = await begin();
    await begun.put(0, bodyOf(bytes.subarray(0, segmentBytes)));
    const resumed = await begin(begun.id);
    assert.deepEqual([resumed.id, [...resumed.tags.keys()]], [begun.id, [0]]);
    await resumed.put(1, bodyOf(bytes.subarray(segmentBytes)));
    await resumed.complete();
    assert.equal(digestOf(await readBlob(store, digest)), digest);
    const aborted = await begin();
    await aborted.put(0, bodyOf(bytes.subarray(0, segmentBytes)));
    await aborted.abort();
    assert.deepEqual(await bucket.uploads(), []);
    const left = await begin();
    await left.put(0, bodyOf(bytes.subarray(0, segmentBytes)));
    const later = await bucket.open({ ...keys, createBucket: false, now: () => Date.now() + 30 * day });
    assert.equal(await later.sweepUploads(day), 1);
    await later.check();
    assert.deepEqual(bucket.log.lines, []);

    const other = openTestBucket(t, s3);
    await other.open();
    await assert.rejects(other.open({ ...keys, createBucket: false }), /AccessDenied|denied|refuse/i);
  },
);
