// Prepares the bucket before its first use. Checks that the bucket exists and that the access keys are valid. Sets a
// lifecycle rule that aborts abandoned multipart uploads. A node can start before the S3 server is available.
import { openPoll } from '@cistern/runtime';
import { neverDemoted } from '@cistern/telemetry';
import type { LifecycleRule } from 'minio';
import { blobsPrefix } from '../key-layout.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf, isUnavailable, S3Error } from './s3-error.ts';
import type { StoreLog } from '../watch-store-outage.ts';

export interface PrepareBucketOptions {
  /** The endpoint of the S3 server, for errors and log messages. */
  readonly endpoint: string;
  readonly region: string;
  /** Creates the bucket if it does not exist. */
  readonly createBucket: boolean;
  readonly log: StoreLog;
}

const retryMs = 2000;

/**
 * Runs `prepareBucket`. If the S3 server is unavailable, resolves nevertheless, and retries until `prepareBucket`
 * succeeds or `close` is called. The bucket logs the outage. A retry may fail for another reason, such as invalid access
 * keys, which is then the reason in the log.
 */
export async function prepareBucketLater(
  bucket: S3Bucket,
  options: PrepareBucketOptions,
): Promise<{ close(): Promise<void> } | undefined> {
  try {
    await prepareBucket(bucket, options);
    return undefined;
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    bucket.watch.begin(error);
  }
  const poll = openPoll({
    everyMs: retryMs,
    async check() {
      await prepareBucket(bucket, options);
      void poll.close();
    },
    onFailure: bucket.watch.begin,
  });
  return poll;
}

export async function prepareBucket(bucket: S3Bucket, options: PrepareBucketOptions): Promise<void> {
  try {
    await probe(bucket);
  } catch (error) {
    if (codeOf(error) !== 'NoSuchBucket') throw error;
    if (!options.createBucket) throw noBucket(bucket.name, options.endpoint, error);
    await makeBucket(bucket, options.region);
  }
  const log = neverDemoted(options.log);
  await limitUploads(bucket).catch((error: unknown) =>
    log.warn({ err: error, bucket: bucket.name }, 'failed to ensure bucket lifecycle rule, using sweeper'),
  );
}

function noBucket(name: string, endpoint: string, cause: unknown): S3Error {
  const message = `Bucket "${name}" does not exist at ${endpoint}. Create it, or set storage.s3.createbucket: true.`;
  return new S3Error('store-unavailable', message, { detail: { code: codeOf(cause) }, retryable: true, cause });
}

/**
 * Checks that the bucket can be used. Lists objects instead of sending HEAD, because the response to HEAD has no body,
 * and so no error code.
 */
export async function probe({ attempt, prompt, name, locate }: S3Bucket): Promise<void> {
  await attempt('use its bucket', async () => prompt.listObjectsV2Query(name, locate(blobsPrefix), '', '', 1, ''));
}

async function makeBucket(bucket: S3Bucket, region: string): Promise<void> {
  try {
    await bucket.attempt('create its bucket', async () => bucket.client.makeBucket(bucket.name, region));
  } catch (error) {
    // Another node created it first.
    if (codeOf(error) !== 'BucketAlreadyOwnedByYou' && codeOf(error) !== 'BucketAlreadyExists') throw error;
    await probe(bucket);
  }
}

/**
 * Adds the lifecycle rule to a bucket without rules. Does not change a bucket that has rules, because S3 replaces all
 * rules of a bucket at once.
 */
async function limitUploads({ attempt, client, name, locate }: S3Bucket): Promise<void> {
  const prefix = locate(blobsPrefix);
  const present = await attempt('read the lifecycle rules of its bucket', async () => {
    try {
      return await client.getBucketLifecycle(name);
    } catch (error) {
      if (codeOf(error) === 'NoSuchLifecycleConfiguration') return null;
      throw error;
    }
  });
  const rules = [present?.Rule ?? []].flat();
  if (rules.some((rule) => endsUploads(rule, prefix))) return;
  if (rules.length > 0)
    throw new Error('the bucket has other lifecycle rules, and none of them aborts incomplete multipart uploads');
  const rule: LifecycleRule = {
    ID: 'cistern-unfinished-uploads',
    Filter: { Prefix: prefix },
    Status: 'Enabled',
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
  };
  await attempt('set the lifecycle rules of its bucket', async () => client.setBucketLifecycle(name, { Rule: [rule] }));
}

function endsUploads(rule: LifecycleRule, prefix: string): boolean {
  const limit = rule.Filter?.Prefix ?? rule.Prefix ?? '';
  return rule.Status === 'Enabled' && rule.AbortIncompleteMultipartUpload !== undefined && prefix.startsWith(limit);
}
