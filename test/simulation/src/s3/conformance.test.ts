import '../virtual-time.ts';
import { describeBlobStore } from '@cistern/blob-store/conformance';
import { digestHex } from '@cistern/oci';
import { bucketName, openSimulatedBucket } from './fixtures/open-simulated-bucket.ts';

describeBlobStore('s3, simulated', async (t) => {
  const bucket = await openSimulatedBucket(t);
  return {
    store: await bucket.open(),
    reopen: async () => bucket.open(),
    async truncate(digest, size) {
      const { objects } = bucket;
      const [key, object] = [...objects].find(([name]) => name.endsWith(`/${digestHex(digest)}/data`))!;
      objects.set(key, { ...object, bytes: object.bytes.subarray(0, size) });
    },
    async fail() {
      bucket.s3.contents.buckets.delete(bucketName);
    },
  };
});
