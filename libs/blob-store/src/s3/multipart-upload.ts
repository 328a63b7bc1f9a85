// One multipart upload under an id of its own. The client's own uploads would resume whatever upload of the same key they
// find, another node's included (decision 0011). Uploads that stay behind are the sweeper's.
import type { S3Bucket } from './s3-bucket.ts';
import { abortUpload } from './sweep-uploads.ts';

export type MultipartUpload = Awaited<ReturnType<typeof beginMultipartUpload>>;

const doing = 'write a blob';

/** `uploads` holds the ids of unfinished uploads of this process. */
export async function beginMultipartUpload(bucket: S3Bucket, name: string, uploads: Set<string>) {
  const { client } = bucket;
  const id = await bucket.attempt(doing, async () =>
    client.initiateNewMultipartUpload(bucket.name, name, { 'content-type': 'application/octet-stream' }),
  );
  uploads.add(id);
  const parts: { readonly part: number; readonly etag: string }[] = [];

  return {
    /** Parts may go in any order and at once; numbers count from 1. `part` must not change before it resolves. */
    async send(number: number, part: Buffer): Promise<void> {
      // `uploadPart` writes the id into its query as it is (minio 8.0.7).
      const target = { bucketName: bucket.name, objectName: name, uploadID: encodeURIComponent(id) };
      const { etag } = await bucket.attempt(doing, async () =>
        client.uploadPart({ ...target, partNumber: number, headers: {} }, part),
      );
      parts.push({ part: number, etag });
    },
    /** Makes the object visible. Fails as `NoSuchUpload` also when an answer that it was done got lost. */
    async complete(): Promise<void> {
      const inOrder = parts.toSorted((one, other) => one.part - other.part);
      await bucket.attempt('commit a blob', async () => client.completeMultipartUpload(bucket.name, name, id, inOrder));
      uploads.delete(id);
    },
    /** Drops all parts; fine if the upload is gone. */
    async abort(): Promise<void> {
      // Whatever comes of this, the upload is nobody's now.
      uploads.delete(id);
      await abortUpload(bucket, name, id);
    },
  };
}
