// A view of a cluster's bucket without the knowledge of its nodes.
import type { Cluster } from '@cistern/test-servers';
import { buffer } from 'node:stream/consumers';
import { Client } from 'minio';

export interface BucketView {
  /** The keys of all objects, sorted. */
  keys(): Promise<string[]>;
  /** The contents of all objects except blobs and manifests, each after its key. */
  smallObjects(): Promise<string>;
  /** Bytes of every blob and manifest, by digest. */
  blobs(): Promise<Map<string, number>>;
  has(digest: string): Promise<boolean>;
  /** Changes a byte of the blob. Rejects if there is no such blob or manifest. */
  damageBlob(digest: string): Promise<void>;
  /** Rejects if there is no such blob or manifest. */
  removeBlob(digest: string): Promise<void>;
  /** Keys of uploads that were neither completed nor aborted. */
  unfinishedUploads(): Promise<string[]>;
}

export function viewBucket({ s3, bucket }: Pick<Cluster, 's3' | 'bucket'>): BucketView {
  const { hostname, port, protocol } = new URL(s3.endpoint);
  const client = new Client({
    endPoint: hostname,
    useSSL: protocol === 'https:',
    ...(port !== '' && { port: Number(port) }),
    region: s3.region,
    accessKey: s3.accessKey,
    secretKey: s3.secretKey,
  });

  async function objects(): Promise<{ readonly name: string; readonly size: number }[]> {
    return (await client.listObjectsV2(bucket, '', true).toArray()) as {
      readonly name: string;
      readonly size: number;
    }[];
  }

  async function keys(): Promise<string[]> {
    return (await objects()).map(({ name }) => name).sort();
  }

  async function keyOf(digest: string): Promise<string | undefined> {
    const [algorithm = '', hex = ''] = digest.split(':');
    return (await keys()).find((key) => key.endsWith(`/blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`));
  }

  return {
    keys,
    async blobs() {
      const found = (await objects()).flatMap(({ name, size }) => {
        const [, algorithm, hex] = /\/blobs\/(sha\d+)\/\w\w\/(\w+)\/data$/.exec(name) ?? [];
        return hex === undefined ? [] : [[`${algorithm}:${hex}`, size] as const];
      });
      return new Map(found);
    },
    async smallObjects() {
      const found = (await keys()).filter((key) => !key.includes('/blobs/'));
      const texts = found.map(
        async (key) => `${key} ${(await (await client.getObject(bucket, key)).toArray()).join('')}`,
      );
      return (await Promise.all(texts)).join('\n');
    },
    has: async (digest) => (await keyOf(digest)) !== undefined,
    async damageBlob(digest) {
      const key = await keyOf(digest);
      if (key === undefined) throw new Error(`${digest} is not in the bucket`);
      const bytes = await buffer(await client.getObject(bucket, key));
      bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
      await client.putObject(bucket, key, bytes);
    },
    async removeBlob(digest) {
      const key = await keyOf(digest);
      if (key === undefined) throw new Error(`the bucket has no ${digest}`);
      await client.removeObject(bucket, key);
    },
    async unfinishedUploads() {
      const { uploads } = await client.listIncompleteUploadsQuery(bucket, '', '', '', '');
      return uploads.map(({ key }) => key);
    },
  };
}
