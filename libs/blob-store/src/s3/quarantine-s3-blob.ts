// Moves a damaged blob away within its bucket, without its bytes coming here.
import { CopyDestinationOptions, CopySourceOptions } from 'minio';
import type { S3Bucket } from './s3-bucket.ts';

/** S3 copies no more by one request. */
const maxCopyBytes = 5 * 1024 ** 3;

/** False: there is no such object. One that is too large to be copied is removed. */
export async function quarantineS3Blob(bucket: S3Bucket, name: string, target: string): Promise<boolean> {
  const { name: bucketName, client, prompt } = bucket;
  const doing = 'move a damaged blob away';
  const found = await bucket.attemptIfPresent(doing, async () => prompt.statObject(bucketName, name));
  if (found === undefined) return false;
  if (found.size <= maxCopyBytes)
    await bucket.attempt(doing, async () =>
      client.copyObject(
        new CopySourceOptions({ Bucket: bucketName, Object: name }),
        new CopyDestinationOptions({ Bucket: bucketName, Object: target }),
      ),
    );
  await bucket.attempt(doing, async () => prompt.removeObject(bucketName, name));
  return true;
}
