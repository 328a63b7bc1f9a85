// Creates a bucket for one process of docker-registry, or of Cistern, which reads registry:2's parameters.
import { randomUUID } from 'node:crypto';
import type { S3 } from '@cistern/test-servers';
import { Client } from 'minio';

/** Resolves to the parameters of docker-registry's S3 driver for the bucket. */
export async function makeBucket({ endpoint, region, accessKey, secretKey }: S3) {
  const bucket = `registry-${randomUUID()}`;
  const { hostname, port } = new URL(endpoint);
  const client = new Client({ endPoint: hostname, port: Number(port), useSSL: false, region, accessKey, secretKey });
  await client.makeBucket(bucket, region);
  const where = { regionendpoint: endpoint, region, bucket, secure: false, v4auth: true };
  return { ...where, accesskey: accessKey, secretkey: secretKey };
}
