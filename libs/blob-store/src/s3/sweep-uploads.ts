// Ends uploads that nobody will complete: those of dead processes, and those that could not be dropped when it was time.
import { blobsPrefix } from '../key-layout.ts';
import { abortUpload } from './multipart-upload.ts';
import type { S3Bucket } from './s3-bucket.ts';

export interface SweepUploadsOptions {
  /** Uploads begun before this moment go. */
  readonly beforeMs: number;
  /** Ids of uploads that are under way in this process. */
  readonly except: ReadonlySet<string>;
}

/** Returns how many uploads were ended. */
export async function sweepUploads(bucket: S3Bucket, { beforeMs, except }: SweepUploadsOptions): Promise<number> {
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
