// Everything in the bucket below a prefix, page by page: a cache may hold millions of blobs.
import { isDigest } from '@cistern/oci';
import type { StoredBlob } from '../blob-store.ts';
import { blobsPrefix } from '../key-layout.ts';
import type { S3Bucket } from './s3-bucket.ts';

export interface S3Object {
  /** In the store's layout. */
  readonly key: string;
  readonly size: number;
  readonly modifiedAtMs: number;
}

const pageSize = 1000;

export async function* listS3Objects(bucket: S3Bucket, prefix: string, doing: string): AsyncGenerator<S3Object> {
  const { client, name: bucketName, locate, relativeKey } = bucket;
  for (let token: string | undefined = ''; token !== undefined;) {
    const from: string = token;
    const page = await bucket.attempt(doing, async () =>
      client.listObjectsV2Query(bucketName, locate(prefix), from, '', pageSize, ''),
    );
    for (const { name, size, lastModified } of page.objects) {
      // Consoles make "directories", objects whose names end with a slash.
      if (name === undefined || lastModified === undefined || name.endsWith('/')) continue;
      yield { key: relativeKey(name), size, modifiedAtMs: lastModified.getTime() };
    }
    token = page.isTruncated ? page.nextContinuationToken : undefined;
    if (token === '') throw bucket.failure(doing, new Error('a listing says that there is more, but not where'));
  }
}

const algorithms = ['sha256', 'sha512'];
const blobPath = /^(sha256|sha512)\/([0-9a-f]{2})\/(\2[0-9a-f]+)\/data$/;

/** `shard`: the first two digits of their digests. */
export async function* listS3Blobs(bucket: S3Bucket, shard?: string): AsyncGenerator<StoredBlob> {
  const prefixes = shard === undefined ? [''] : algorithms.map((algorithm) => `${algorithm}/${shard}/`);
  for (const prefix of prefixes) {
    for await (const { key, size, modifiedAtMs } of listS3Objects(bucket, blobsPrefix + prefix, 'list its blobs')) {
      const [, algorithm, , hex] = blobPath.exec(key.slice(blobsPrefix.length)) ?? [];
      const digest = `${algorithm}:${hex}`;
      if (isDigest(digest)) yield { digest, size, modifiedAtMs };
    }
  }
}
