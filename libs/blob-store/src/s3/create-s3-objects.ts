// Small named objects in the bucket.
import type { IncomingMessage } from 'node:http';
import type { BlobStore } from '../blob-store.ts';
import { checkObjectSize, maxObjectBytes, parseObjectKey, parseObjectPrefix } from '../object-key.ts';
import { listS3Objects } from './list-s3-objects.ts';
import { contentLength, readWholeBody } from './read-body.ts';
import type { S3Bucket } from './s3-bucket.ts';

type ObjectMethods = Pick<BlobStore, 'readObject' | 'writeObject' | 'removeObject' | 'listObjects'>;

export function createS3Objects(bucket: S3Bucket): ObjectMethods {
  function locate(key: string): string {
    parseObjectKey(key);
    return bucket.locate(key);
  }

  return {
    async readObject(key) {
      const name = locate(key);
      const found = await bucket.attemptIfPresent('read an object', async () => {
        const body = (await bucket.prompt.getObject(bucket.name, name)) as IncomingMessage;
        const size = contentLength(body);
        if (size <= maxObjectBytes) return { size, bytes: await readWholeBody(body) };
        body.on('error', () => {}).destroy();
        return { size, bytes: undefined };
      });
      if (found !== undefined) checkObjectSize(key, found.size);
      return found?.bytes;
    },
    async writeObject(key, bytes) {
      const name = locate(key);
      checkObjectSize(key, bytes.byteLength);
      // The caller may change its bytes meanwhile.
      const copy = Buffer.from(bytes);
      const type = { 'Content-Type': 'application/octet-stream' };
      await bucket.attempt('write an object', async () =>
        bucket.prompt.putObject(bucket.name, name, copy, copy.byteLength, type),
      );
    },
    async removeObject(key) {
      return removeIfPresent(bucket, locate(key), 'remove an object');
    },
    async *listObjects(prefix) {
      parseObjectPrefix(prefix);
      for await (const { key } of listS3Objects(bucket, prefix, 'list its objects')) yield key;
    },
  };
}

/** S3 deletes what is not there as gladly as what is, so this asks first. */
export async function removeIfPresent(bucket: S3Bucket, name: string, doing: string): Promise<boolean> {
  const found = await bucket.attemptIfPresent(doing, async () => bucket.prompt.statObject(bucket.name, name));
  if (found === undefined) return false;
  await bucket.attempt(doing, async () => bucket.prompt.removeObject(bucket.name, name));
  return true;
}
