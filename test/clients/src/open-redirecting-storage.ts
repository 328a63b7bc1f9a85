// Opens a bucket on a real S3 server, to which Cistern redirects its clients for blobs.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startS3 } from '@cistern/test-servers';
import type { OpenedStorage } from './open-rig.ts';

/** The clients reach the server by another name than Cistern does. */
export async function openRedirectingStorage(): Promise<OpenedStorage> {
  const s3 = await startS3();
  const indexdirectory = await mkdtemp(join(tmpdir(), 'cistern-index-'));
  const { endpoint, region, accessKey: accesskey, secretKey: secretkey } = s3;
  const bucket = { bucket: `clients-${randomUUID()}`, createbucket: true, indexdirectory };
  return {
    storage: {
      s3: { regionendpoint: endpoint, region, accesskey, secretkey, ...bucket },
      redirect: { disable: false, endpoint: endpoint.replace('//127.0.0.1', '//localhost') },
    },
    async close() {
      await s3.close();
      await rm(indexdirectory, { recursive: true });
    },
  };
}
