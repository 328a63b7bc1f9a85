// Aborts multipart uploads that never become a blob.
import { blobsPrefix } from '../key-layout.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';

/** Aborts a multipart upload. Resolves also if the upload no longer exists. */
export async function abortUpload({ client, name: bucketName, attempt }: S3Bucket, name: string, id: string) {
  try {
    // `minio` does not escape the id in the query (minio 8.0.7).
    await attempt('abort an upload', async () => client.abortMultipartUpload(bucketName, name, encodeURIComponent(id)));
  } catch (error) {
    if (codeOf(error) !== 'NoSuchUpload') throw error;
  }
}

/**
 * Aborts uploads that began before `beforeMs` and for which `isSpared` resolves to false. Their processes have ended,
 * or could not abort them. Returns the number of aborted uploads.
 */
export async function sweepUploads(
  bucket: S3Bucket,
  beforeMs: number,
  isSpared: (name: string, id: string) => Promise<boolean>,
): Promise<number> {
  const { attempt, client, name, locate } = bucket;
  let swept = 0;
  for (let marker: string | undefined = ''; marker !== undefined;) {
    const after: string = marker;
    const page = await attempt('list unfinished uploads', async () =>
      client.listIncompleteUploadsQuery(name, locate(blobsPrefix), after, '', ''),
    );
    for (const { key, uploadId, initiated } of page.uploads) {
      if (initiated.getTime() >= beforeMs || (await isSpared(key, uploadId))) continue;
      await abortUpload(bucket, key, uploadId);
      swept += 1;
    }
    // The next page begins after a key, because `minio` does not return the marker of the upload id. So only the first
    // thousand uploads of a key are swept.
    marker = page.isTruncated && page.nextKeyMarker !== after ? page.nextKeyMarker : undefined;
  }
  return swept;
}
