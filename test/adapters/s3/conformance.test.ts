import { after } from 'node:test';
import { buffer } from 'node:stream/consumers';
import { describeBlobStore } from '@cistern/blob-store/conformance';
import { startS3 } from '@cistern/test-servers';
import { openTestBucket } from './open-test-bucket.ts';

const s3 = await startS3();
after(async () => s3.close());

describeBlobStore('s3', async (t) => {
  const bucket = openTestBucket(t, s3);
  return {
    store: await bucket.open(),
    reopen: async () => bucket.open(),
    truncate: async (digest, size) => {
      const name = bucket.blobName(digest);
      const bytes = await buffer(await bucket.client.getObject(bucket.name, name));
      await bucket.client.putObject(bucket.name, name, bytes.subarray(0, size));
    },
    // A missing bucket is harder to handle than a stopped server: it answers HEAD as for a missing object.
    fail: async () => bucket.remove(),
  };
});
