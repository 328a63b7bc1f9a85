// One multipart upload under an id of its own. The client's own uploads would resume whatever upload of the same key they
// find, another node's included (decision 0011). Uploads that stay behind are the sweeper's.
import { blobsPrefix } from '../key-layout.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';

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

/** Fine if the upload is gone. */
async function abortUpload({ client, name: bucketName, attempt }: S3Bucket, name: string, id: string) {
  try {
    // As `uploadPart`, it does not encode the id.
    await attempt('drop an unfinished blob', async () =>
      client.abortMultipartUpload(bucketName, name, encodeURIComponent(id)),
    );
  } catch (error) {
    if (codeOf(error) !== 'NoSuchUpload') throw error;
  }
}

/**
 * Ends abandoned uploads: those of dead processes, and those that could not be dropped when it was time. They were begun before
 * `beforeMs`, and their ids are not in `except`, the uploads of this process. Returns how many uploads were ended.
 */
export async function sweepUploads(
  bucket: S3Bucket,
  { beforeMs, except }: { readonly beforeMs: number; readonly except: ReadonlySet<string> },
): Promise<number> {
  const { attempt, client, name, locate } = bucket;
  let swept = 0;
  for (let marker: string | undefined = ''; marker !== undefined;) {
    const after: string = marker;
    const page = await attempt('look for unfinished uploads', async () =>
      client.listIncompleteUploadsQuery(name, locate(blobsPrefix), after, '', ''),
    );
    for (const { key, uploadId, initiated } of page.uploads) {
      const isOld = initiated.getTime() < beforeMs;
      if (!isOld || except.has(uploadId)) continue;
      await abortUpload(bucket, key, uploadId);
      swept += 1;
    }
    // By key alone: the client loses the other marker, and of one key's uploads the first thousand will do.
    marker = page.isTruncated && page.nextKeyMarker !== after ? page.nextKeyMarker : undefined;
  }
  return swept;
}
