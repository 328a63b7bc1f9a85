// Reads, writes, removes and lists objects of the bucket.
import type { IncomingMessage } from 'node:http';
import type { CacheError } from '@cistern/errors';
import { forEachBounded } from '@cistern/runtime';
import { endedEarly } from '@cistern/streams';
import type { StoredBlob } from '../blob-store.ts';
import {
  blobsPrefix,
  checkObjectSize,
  digestOfBlobKey,
  maxObjectBytes,
  parseObjectKey,
  parseObjectPrefix,
} from '../key-layout.ts';
import type { S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';

const pageSize = 1000;

const algorithms = ['sha256', 'sha512'];

export function createS3Objects(bucket: S3Bucket) {
  function locate(key: string): string {
    parseObjectKey(key);
    return bucket.locate(key);
  }

  return {
    async readObject(key: string): Promise<Uint8Array | undefined> {
      const name = locate(key);
      const found = await bucket.attemptIfPresent('read an object', async () => {
        const body = (await bucket.prompt.getObject(bucket.name, name)) as IncomingMessage;
        const size = contentLength(body);
        if (size <= maxObjectBytes) return { size, bytes: await readWholeBody(body) };
        body.on('error', () => {}).destroy();
        return { size, bytes: undefined };
      });
      if (found !== undefined) checkObjectSize(key, found.size);
      return found?.bytes;
    },
    async writeObject(key: string, bytes: Uint8Array): Promise<void> {
      const name = locate(key);
      checkObjectSize(key, bytes.byteLength);
      // The caller may change its bytes while the request is in progress.
      const copy = Buffer.from(bytes);
      const type = { 'Content-Type': 'application/octet-stream' };
      await bucket.attempt('write an object', async () =>
        bucket.prompt.putObject(bucket.name, name, copy, copy.byteLength, type),
      );
    },
    async removeObject(key: string): Promise<boolean> {
      return removeIfPresent(bucket, locate(key), 'remove an object');
    },
    async *listObjects(prefix: string): AsyncGenerator<string> {
      parseObjectPrefix(prefix);
      for await (const { key } of listS3Objects(bucket, prefix, 'list its objects')) yield key;
    },
  };
}

/**
 * Returns true if the object existed. Requests the object first, because S3 also reports success for the removal of an
 * absent object.
 */
export async function removeIfPresent(bucket: S3Bucket, name: string, doing: string): Promise<boolean> {
  const found = await bucket.attemptIfPresent(doing, async () => bucket.prompt.statObject(bucket.name, name));
  if (found === undefined) return false;
  await bucket.attempt(doing, async () => bucket.prompt.removeObject(bucket.name, name));
  return true;
}

export interface NotRemoved {
  readonly name: string;
  readonly error: CacheError;
}

/**
 * S3 accepts up to a thousand keys in one request. Ceph may need ten seconds for a thousand, and sends nothing
 * meanwhile, so a request could time out.
 */
const namesPerCall = 100;
const callsAtOnce = 10;

/**
 * Removes objects with DeleteObjects. Returns those that the server did not remove. Rejects with `store-unavailable`.
 */
export async function removeS3Objects(
  bucket: S3Bucket,
  names: readonly string[],
  doing: string,
): Promise<NotRemoved[]> {
  const failed: NotRemoved[] = [];
  const starts = names.keys().filter((at) => at % namesPerCall === 0);
  await forEachBounded(starts, { atOnce: callsAtOnce }, async (at) => {
    failed.push(...(await removeSome(bucket, names.slice(at, at + namesPerCall), doing)));
  });
  return failed;
}

async function removeSome(bucket: S3Bucket, names: readonly string[], doing: string): Promise<NotRemoved[]> {
  try {
    const failures = await bucket.attempt(doing, async () => bucket.client.removeObjects(bucket.name, [...names]));
    return (failures as readonly { readonly Key?: string; readonly Code?: string }[]).flatMap((failed) => {
      if (failed.Code === 'NoSuchKey') return [];
      const error = bucket.failure(doing, failed);
      if (failed.Key === undefined) throw error;
      return { name: failed.Key, error };
    });
  } catch (error) {
    if (!withoutDeleteObjects.has(codeOf(error) ?? '')) throw error;
    return removeOneByOne(bucket, names, doing);
  }
}

/**
 * Codes after which objects are removed one by one. For DeleteObjects, Ceph requires the delete permission on the
 * bucket, and some servers do not implement it.
 */
const withoutDeleteObjects: ReadonlySet<string> = new Set(['AccessDenied', 'NotImplemented', 'MethodNotAllowed']);

async function removeOneByOne(bucket: S3Bucket, names: readonly string[], doing: string): Promise<NotRemoved[]> {
  const failed: NotRemoved[] = [];
  await forEachBounded(names, { atOnce: callsAtOnce }, async (name) => {
    await bucket
      .attempt(doing, async () => bucket.client.removeObject(bucket.name, name))
      .catch((error: CacheError) => {
        // Codes of S3's errors are in CamelCase. All other errors mean that the S3 server was not reached, so the whole
        // call fails.
        if (!/^[A-Z][a-z]/.test(codeOf(error) ?? '')) throw error;
        failed.push({ name, error });
      });
  });
  return failed;
}

/**
 * Lists all objects of the bucket below a prefix, page by page, because a cache may contain millions of blobs. Yields
 * keys without the bucket's root directory.
 */
async function* listS3Objects(bucket: S3Bucket, prefix: string, doing: string) {
  const { client, name: bucketName, locate, relativeKey } = bucket;
  for (let token: string | undefined = ''; token !== undefined;) {
    const from: string = token;
    const page = await bucket.attempt(doing, async () =>
      client.listObjectsV2Query(bucketName, locate(prefix), from, '', pageSize, ''),
    );
    for (const { name, size, lastModified } of page.objects) {
      // Skips objects whose keys end with a slash. S3 consoles create them as "directories".
      if (name === undefined || lastModified === undefined || name.endsWith('/')) continue;
      yield { key: relativeKey(name), size, modifiedAtMs: lastModified.getTime() };
    }
    token = page.isTruncated ? page.nextContinuationToken : undefined;
    if (token === '') throw bucket.failure(doing, new Error('a listing is truncated but has no continuation token'));
  }
}

/** Lists blobs. `shard` is the first two digits of their digests; unset means all blobs. */
export async function* listS3Blobs(bucket: S3Bucket, shard?: string): AsyncGenerator<StoredBlob> {
  const prefixes = shard === undefined ? [''] : algorithms.map((algorithm) => `${algorithm}/${shard}/`);
  for (const prefix of prefixes) {
    for await (const { key, size, modifiedAtMs } of listS3Objects(bucket, blobsPrefix + prefix, 'list its blobs')) {
      const digest = digestOfBlobKey(key);
      if (digest !== undefined) yield { digest, size, modifiedAtMs };
    }
  }
}

/**
 * Reads a whole body into memory; the caller knows that it is small. Rejects if the body is shorter than its
 * content-length.
 */
export async function readWholeBody(body: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  if (bytes.byteLength !== contentLength(body)) throw endedEarly();
  return bytes;
}

export function contentLength(body: Pick<IncomingMessage, 'headers'>): number {
  return Number(body.headers['content-length']);
}
