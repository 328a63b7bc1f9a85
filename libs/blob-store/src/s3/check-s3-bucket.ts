// Tries a bucket, for a check of a configuration. It changes nothing but a probe object, which it removes.
import { randomBytes, randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { readWholeBody } from './create-s3-objects.ts';
import { probe } from './prepare-bucket.ts';
import { createS3Bucket, type S3Access, type S3Bucket } from './s3-bucket.ts';
import { codeOf } from './s3-error.ts';

export type CheckS3Options = Omit<S3Access, 'timeoutMs' | 'promptMs'>;

const timeLimits = { timeoutMs: 10_000, promptMs: 8000 };

/**
 * Lists the bucket, and writes, reads and removes an object of 64 bytes. Resolves to false if the bucket does not
 * exist. Rejects with `store-unavailable`; the message names the operation that failed.
 */
export async function checkS3Bucket(options: CheckS3Options): Promise<boolean> {
  const bucket = createS3Bucket({ ...options, ...timeLimits });
  try {
    await probe(bucket);
    await writeAndRead(bucket);
    return true;
  } catch (error) {
    if (codeOf(error) === 'NoSuchBucket') return false;
    throw error;
  } finally {
    bucket.close();
  }
}

/**
 * Writes, reads and removes a small object. Rejects with `store-unavailable`. After a failure it removes the object too, if the
 * server allows it. A write that failed may have succeeded on the server.
 */
export async function writeAndRead({ attempt, prompt, name: bucketName, locate }: S3Bucket): Promise<void> {
  const name = locate(`cistern/checks/${randomUUID()}`);
  const bytes = randomBytes(64);
  const remove = async () => prompt.removeObject(bucketName, name);
  try {
    await attempt('be written', async () => prompt.putObject(bucketName, name, bytes));
    await attempt('be read', async () => {
      const read = await readWholeBody((await prompt.getObject(bucketName, name)) as IncomingMessage);
      if (!read.equals(bytes)) throw new Error('the S3 server returned bytes that differ from the written bytes');
    });
  } catch (error) {
    await remove().catch(() => {});
    throw error;
  }
  await attempt('remove an object', remove);
}
