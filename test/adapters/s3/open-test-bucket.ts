// Opens a bucket on the real server for one test, with stores on it and a client that bypasses them.
import { randomUUID } from 'node:crypto';
import type { TestContext } from 'node:test';
import { openS3Store, type S3Store, type S3StoreOptions } from '@cistern/blob-store/s3';
import { type Digest, digestAlgorithm, digestHex } from '@cistern/oci';
import type { S3 } from '@cistern/test-servers';
import { Client } from 'minio';

export interface TestBucket {
  readonly name: string;
  readonly client: Client;
  readonly log: { readonly lines: string[]; warn(fields: object, message: string): void };
  /** Opens a store that is closed after the test. */
  open(options?: Partial<S3StoreOptions>): Promise<S3Store>;
  /** Returns the object name of a blob in the layout of registry:2. */
  blobName(digest: Digest): string;
  /** Returns the ids of the unfinished uploads. */
  uploads(): Promise<string[]>;
  /** Removes the bucket and everything in it. */
  remove(): Promise<void>;
}

export const rootDirectory = '/registry/root/';

function connect(s3: S3): Client {
  const { hostname, port, protocol } = new URL(s3.endpoint);
  return new Client({
    endPoint: hostname,
    useSSL: protocol === 'https:',
    ...(port === '' ? {} : { port: Number(port) }),
    region: s3.region,
    accessKey: s3.accessKey,
    secretKey: s3.secretKey,
  });
}

/** The first store creates the bucket. It is removed after the test. */
export function openTestBucket(t: TestContext, s3: S3): TestBucket {
  const name = `cistern-${randomUUID()}`;
  const client = connect(s3);
  const lines: string[] = [];
  const log = { lines, warn: (_fields: object, message: string) => void lines.push(message) };
  t.after(removeAll);

  async function unfinished() {
    return (await client.listIncompleteUploadsQuery(name, '', '', '', '')).uploads;
  }

  async function removeAll(): Promise<void> {
    if (!(await client.bucketExists(name))) return;
    for (const { key, uploadId } of await unfinished())
      await client.abortMultipartUpload(name, key, encodeURIComponent(uploadId));
    const objects = await client.listObjectsV2(name, '', true).toArray();
    for (const object of objects as { readonly name: string }[]) await client.removeObject(name, object.name);
    await client.removeBucket(name);
  }

  return {
    name,
    client,
    log,
    async open(options = {}) {
      const { endpoint, region, accessKey, secretKey } = s3;
      const store = await openS3Store({
        endpoint,
        region,
        accessKey,
        secretKey,
        bucket: name,
        rootDirectory,
        pathStyle: true,
        createBucket: true,
        timeoutMs: 10_000,
        promptMs: 10_000,
        log,
        now: Date.now,
        ...options,
      });
      t.after(async () => store.close());
      return store;
    },
    blobName(digest) {
      const hex = digestHex(digest);
      const path = `blobs/${digestAlgorithm(digest)}/${hex.slice(0, 2)}/${hex}/data`;
      return `registry/root/docker/registry/v2/${path}`;
    },
    uploads: async () => (await unfinished()).map((upload) => upload.uploadId),
    remove: removeAll,
  };
}
