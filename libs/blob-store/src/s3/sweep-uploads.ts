// Ends uploads that never become a blob. The sweeper ends those that could not be ended in time.
import { blobsPrefix } from '../key-layout.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';

/** Succeeds if the upload no longer exists. */
export async function abortUpload({ client, name: bucketName, attempt }: S3Bucket, name: string, id: string) {
  try {
    // The client writes the id into its query unescaped (minio 8.0.7).
    await attempt('drop an unfinished blob', async () =>
      client.abortMultipartUpload(bucketName, name, encodeURIComponent(id)),
    );
  } catch (error) {
    if (codeOf(error) !== 'NoSuchUpload') throw error;
  }
}

/**
 * Ends abandoned uploads: those of dead processes, and those that could not be dropped in time. It takes uploads that
 * began before `beforeMs`. Returns the number of ended uploads.
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
    // Pages by key only, because the client loses the other marker. The first thousand uploads of a key are enough.
    marker = page.isTruncated && page.nextKeyMarker !== after ? page.nextKeyMarker : undefined;
  }
  return swept;
}
