// Contents of a simulated S3 server. They are durable and survive the server's processes.
import { createHash } from 'node:crypto';

export interface StoredObject {
  readonly bytes: Buffer;
  /** The ETag without quotes. */
  readonly etag: string;
  readonly type: string;
  readonly modifiedAtMs: number;
}

export interface StoredPart {
  readonly bytes: Buffer;
  readonly etag: string;
}

export interface Upload {
  readonly key: string;
  readonly type: string;
  readonly begunAtMs: number;
  readonly parts: Map<number, StoredPart>;
}

export interface S3Bucket {
  readonly objects: Map<string, StoredObject>;
  /** Uploads by id. */
  readonly uploads: Map<string, Upload>;
  /** The lifecycle configuration of the bucket, as the client sent it. */
  lifecycle: Buffer | undefined;
}

export interface S3Contents {
  readonly buckets: Map<string, S3Bucket>;
  nextUpload: number;
  /** Age of new uploads: listings show a start time this long ago. */
  uploadAgeMs: number;
  /** Smallest allowed size of a part, except the last part of an upload. */
  minPartBytes: number;
  /** Called when an object of any bucket becomes visible. */
  onVisible: ((key: string, bytes: Buffer) => void) | undefined;
  /** Called when an object is removed, even if it did not exist. */
  onRemoved: ((key: string) => void) | undefined;
  /** Called when an upload has been aborted. */
  onAborted: ((key: string, uploadId: string) => void) | undefined;
}

export function createS3Contents(): S3Contents {
  return {
    buckets: new Map(),
    nextUpload: 1,
    uploadAgeMs: 0,
    minPartBytes: 5 * 1024 * 1024,
    onVisible: undefined,
    onRemoved: undefined,
    onAborted: undefined,
  };
}

export function createBucket(): S3Bucket {
  return { objects: new Map(), uploads: new Map(), lifecycle: undefined };
}

/** Makes the whole object visible immediately. */
export function putObject(
  contents: S3Contents,
  bucket: S3Bucket,
  key: string,
  object: Omit<StoredObject, 'modifiedAtMs'>,
): StoredObject {
  const stored = { ...object, modifiedAtMs: Date.now() };
  bucket.objects.set(key, stored);
  contents.onVisible?.(key, stored.bytes);
  return stored;
}

export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}
