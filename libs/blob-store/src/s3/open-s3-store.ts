// A blob store in a bucket of S3, MinIO or a compatible server. It has the layout of distribution (registry:2), so it
// can use a bucket of distribution. Any number of processes may share one bucket.
import type { Digest } from '@cistern/oci';
import { untilAborted } from '@cistern/runtime';
import type { BlobStore } from '../blob-store.ts';
import { blobKey, digestOfBlobKey, quarantineKey } from '../key-layout.ts';
import { orBodyError } from '../read-body.ts';
import { createS3Objects, removeIfPresent, removeS3Objects, listS3Blobs } from './create-s3-objects.ts';
import { beginS3Upload } from './begin-s3-upload.ts';
import type { StoreLog } from '../watch-store-outage.ts';
import { writeAndRead } from './check-s3-bucket.ts';
import { createBodySender } from './create-body-sender.ts';
import { sweepUploads } from './sweep-uploads.ts';
import { openS3Reader } from './open-s3-reader.ts';
import { prepareBucket, prepareBucketLater, type PrepareBucketOptions } from './prepare-bucket.ts';
import { createS3Bucket, type S3Access, type S3Bucket } from './s3-bucket.ts';
import { CopyDestinationOptions, CopySourceOptions } from 'minio';

/** The largest object that S3 copies in one request. */
const maxCopyBytes = 5 * 1024 ** 3;

export interface S3StoreOptions extends Omit<S3Access, 'timeoutMs' | 'promptMs'>, PrepareBucketOptions {
  /**
   * How long the S3 server may be silent before a slow request, such as an upload or a listing, fails. Default: 15 s.
   */
  readonly timeoutMs?: number;
  /** How long the S3 server may be silent before any other request fails, such as a read for a client. Default: 4 s. */
  readonly promptMs?: number;
  /**
   * Opens the store even if the S3 server is unavailable. All methods then reject until it is available. Default:
   * false.
   */
  readonly mayBeUnavailable?: boolean;
  readonly now: () => number;
}

/**
 * A store in S3. `sweepUploads` needs an age of hours, because it cannot distinguish running uploads of other processes
 * from abandoned ones.
 */
export type S3Store = BlobStore & Required<Pick<BlobStore, 'presign' | 'sweepUploads'>>;

const defaultTimeoutMs = 15_000;
const defaultPromptMs = 4000;
/** The longest expiry of a URL that S3 allows. */
const maxPresignSeconds = 7 * 24 * 3600;

/**
 * Rejects with `store-unavailable` if the bucket cannot be used, and with `TypeError` for a wrong endpoint. The caller
 * closes the store, which aborts running calls.
 */
export async function openS3Store(options: S3StoreOptions): Promise<S3Store> {
  const { timeoutMs = defaultTimeoutMs, promptMs = defaultPromptMs, log, now } = options;
  const bucket = createS3Bucket({ ...options, timeoutMs, promptMs });
  const sendBody = createBodySender(bucket);
  const lastUseMs = new Map<string, number>();
  let preparing: Awaited<ReturnType<typeof prepareBucketLater>>;
  try {
    if (options.mayBeUnavailable === true) preparing = await prepareBucketLater(bucket, options);
    else await prepareBucket(bucket, options);
  } catch (error) {
    bucket.close();
    throw error;
  }

  const nameOf = (digest: Digest) => bucket.locate(blobKey(digest));
  const onUse = (id: string) => void lastUseMs.set(id, now());
  const onDropFailed = (error: unknown) => log.warn({ err: error }, 'failed to abort upload, leaving it to sweeper');

  return {
    ...createS3Objects(bucket),

    async stat(digest) {
      const found = await bucket.attemptIfPresent('look up a blob', async () =>
        bucket.prompt.statObject(bucket.name, nameOf(digest)),
      );
      return found && { size: found.size };
    },
    async open(digest, range) {
      return openS3Reader(bucket, { digest, name: nameOf(digest) }, range);
    },
    wantsSha256: bucket.signsBodies,
    async put(digest, body, signal) {
      const sent = sendBody({ doing: 'write a blob', name: nameOf(digest), body, signal });
      await orBodyError(untilAborted(sent, signal));
    },
    async beginUpload(digest, upload) {
      return beginS3Upload({ bucket, sendBody, name: nameOf(digest), onUse, onDropFailed }, upload);
    },
    async remove(digest) {
      return removeIfPresent(bucket, nameOf(digest), 'remove a blob');
    },
    async removeAll(digests) {
      const named = new Map(digests.map((digest) => [nameOf(digest), digest]));
      const failed = await removeS3Objects(bucket, [...named.keys()], 'remove blobs');
      return new Map(failed.map(({ name, error }) => [named.get(name)!, error]));
    },
    async quarantine(digest, atMs) {
      return quarantineS3Blob(bucket, nameOf(digest), bucket.locate(quarantineKey(digest, atMs)), log);
    },
    list(shard) {
      return listS3Blobs(bucket, shard);
    },
    async presign(digest, { expiresMs }) {
      const seconds = Math.min(Math.max(1, Math.floor(expiresMs / 1000)), maxPresignSeconds);
      // The response must have this media type. S3 may have stored an adopted object with another media type, or with
      // none.
      const type = { 'response-content-type': 'application/octet-stream' };
      return bucket.attempt('sign a URL', async () =>
        bucket.signer.presignedGetObject(bucket.name, nameOf(digest), seconds, type),
      );
    },
    check: () => writeAndRead(bucket),
    async sweepUploads(olderThanMs, isFetched = async () => false) {
      const beforeMs = now() - olderThanMs;
      for (const [id, usedAtMs] of lastUseMs) if (usedAtMs < beforeMs) lastUseMs.delete(id);
      const isSpared = async (key: string, id: string) => {
        if (lastUseMs.has(id)) return true;
        const digest = digestOfBlobKey(bucket.relativeKey(key));
        return digest !== undefined && (await isFetched(digest));
      };
      return sweepUploads(bucket, beforeMs, isSpared);
    },
    async close() {
      bucket.close();
      await preparing?.close();
    },
  };
}

/**
 * Returns false if the object does not exist. An object that cannot be copied is removed without a copy. It may be too large, the
 * copy may take too long, or the bucket may be full. If the S3 server is unavailable, the removal rejects too.
 */
async function quarantineS3Blob(bucket: S3Bucket, name: string, target: string, log: StoreLog): Promise<boolean> {
  const { name: bucketName, client, prompt } = bucket;
  const doing = 'quarantine a damaged blob';
  const find = async () => bucket.attemptIfPresent(doing, async () => prompt.statObject(bucketName, name));
  const found = await find();
  if (found === undefined) return false;
  try {
    if (found.size <= maxCopyBytes)
      await bucket.attempt(doing, async () =>
        client.copyObject(
          new CopySourceOptions({ Bucket: bucketName, Object: name }),
          new CopyDestinationOptions({ Bucket: bucketName, Object: target }),
        ),
      );
  } catch (error) {
    // During a long copy, another node may have replaced the object with a good one.
    const current = await find();
    if (current?.lastModified.getTime() !== found.lastModified.getTime()) return false;
    log.warn({ err: error, object: name }, 'cannot copy damaged blob to quarantine, removing it');
  }
  await bucket.attempt(doing, async () => prompt.removeObject(bucketName, name));
  return true;
}
