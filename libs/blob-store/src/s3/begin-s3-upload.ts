// Begins or resumes a multipart upload by its id. The upload functions of `minio` are not used, because they resume any
// upload of the same key, even one of another node (decision 0066).
import type { BlobUpload, BlobUploadOptions } from '../blob-store.ts';
import { createUpload, segmentLength } from '../create-upload.ts';
import type { SendBody } from './create-body-sender.ts';
import { createSlots } from './create-slots.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';
import { abortUpload } from './sweep-uploads.ts';

export interface S3UploadOptions {
  readonly bucket: S3Bucket;
  readonly sendBody: SendBody;
  /** S3 key of the blob. */
  readonly name: string;
  /** Called with the upload's id at each use, so that the sweeper does not take the upload for abandoned. */
  readonly onUse: (id: string) => void;
  /** Called with the error if the upload cannot be aborted in S3. */
  readonly onDropFailed: (error: unknown) => void;
}

const partsAtOnce = 4;
const doing = 'write a blob';

export async function beginS3Upload(
  { bucket, sendBody, name, onUse, onDropFailed }: S3UploadOptions,
  options: BlobUploadOptions,
): Promise<BlobUpload> {
  const { client, name: bucketName } = bucket;
  const { id, etags } = (await findUpload(bucket, name, options)) ?? (await initiateUpload(bucket, name));
  const inSlot = createSlots(partsAtOnce);
  onUse(id);

  const drop = () => abortUpload(bucket, name, id).catch(onDropFailed);

  return createUpload(options, {
    id,
    tags: etags,
    async put(number, body, signal) {
      onUse(id);
      const query = `partNumber=${number + 1}&uploadId=${encodeURIComponent(id)}`;
      etags.set(number, await inSlot(() => sendBody({ doing, name, query, body, signal }), signal));
      onUse(id);
    },
    async complete() {
      onUse(id);
      const parts = [...etags].toSorted(([one], [other]) => one - other);
      const named = parts.map(([number, etag]) => ({ part: number + 1, etag }));
      try {
        await bucket.attempt('commit a blob', async () => client.completeMultipartUpload(bucketName, name, id, named));
      } catch (error) {
        // The upload no longer exists, but the blob may be complete. Either the response to an earlier attempt was
        // lost, or another process completed the upload first.
        if (!isMissing(error, 'HTTP 500') || !(await isStored(bucket, name, options.size))) throw error;
        await drop();
      }
    },
    drop,
  });
}

interface FoundUpload {
  readonly id: string;
  /** ETags of the stored segments, by number. */
  readonly etags: Map<number, string>;
}

async function initiateUpload({ attempt, client, name: bucketName }: S3Bucket, name: string): Promise<FoundUpload> {
  const headers = { 'content-type': 'application/octet-stream' };
  const id = await attempt(doing, async () => client.initiateNewMultipartUpload(bucketName, name, headers));
  return { id, etags: new Map() };
}

/**
 * Returns the upload to resume. Returns `undefined` if `resume` is unset or S3 no longer has that upload. Ignores parts
 * whose length is not that of their segment.
 */
async function findUpload(
  { attempt, client, name: bucketName }: S3Bucket,
  name: string,
  options: BlobUploadOptions,
): Promise<FoundUpload | undefined> {
  const { resume: id } = options;
  if (id === undefined) return undefined;
  try {
    const parts = await attempt(doing, async () => client['listParts'](bucketName, name, id));
    const fitting = parts.filter(({ part, size }) => size > 0 && size === segmentLength(part - 1, options));
    return { id, etags: new Map(fitting.map(({ part, etag }) => [part - 1, etag])) };
  } catch (error) {
    if (isMissing(error, 'NoSuchKey')) return undefined;
    throw error;
  }
}

/** Reports whether S3 no longer has the upload. `ofCeph` is the code that Ceph sends instead of `NoSuchUpload`. */
function isMissing(error: unknown, ofCeph: string): boolean {
  return ['NoSuchUpload', ofCeph].includes(codeOf(error) ?? '');
}

async function isStored(bucket: S3Bucket, name: string, size: number): Promise<boolean> {
  const found = await bucket.attemptIfPresent('commit a blob', async () => bucket.client.statObject(bucket.name, name));
  return found?.size === size;
}
