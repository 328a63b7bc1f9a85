// Objects that an operator has deleted from the bucket are fetched again, and no client notices.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { after, test } from 'node:test';
import { until } from '@cistern/single-node/until';
import { createHash } from 'node:crypto';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { pullImage } from '../src/pull.ts';
import { viewBucket } from '../src/view-bucket.ts';

const mebibyte = 1024 * 1024;
const { upstream, cluster, urlOf } = await openClusterRig({ after });
const bucket = viewBucket(cluster);
const [first, second, third] = cluster.frontends;
assert.ok(first !== undefined && second !== undefined && third !== undefined);
const gets = (digest: string) => upstream.count({ method: 'GET', digest });
const untilStored = (digest: string) => until(`${digest} is stored`, () => bucket.has(digest), 30_000);

test('a deleted blob is fetched again', async () => {
  const image = upstream.addImage('library/app', { tag: 'blob', layers: [{ size: 3 * mebibyte, seed: 'blob' }] });
  const digest = image.layers[0]!.digest;
  await pullImage({ at: first, image, tag: 'blob' });
  await untilStored(digest);
  await bucket.removeBlob(digest);
  for (const at of cluster.frontends) await pullImage({ at, image, tag: 'blob' });
  assert.equal(gets(digest), 2);
  await untilStored(digest);
});

test('a deleted manifest is served by frontends with and without it in memory', async () => {
  const image = upstream.addImage('library/app', { tag: 'manifest', seed: 'manifest' });
  await pullImage({ at: first, image, tag: 'manifest' });
  await bucket.removeBlob(image.digest);
  for (const at of [first, third]) await pullImage({ at, image, tag: 'manifest' });
  assert.equal(gets(image.digest), 2);
  await untilStored(image.digest);
});

test(
  'a blob that is deleted while a client reads it reaches the client whole',
  { skip: !cluster.s3.controllable },
  async () => {
    const { digest, size } = upstream.addBlob('library/app', { size: 96 * mebibyte, seed: 'large' });
    const url = urlOf(`library/app/blobs/${digest}`, second);
    await (await fetch(url)).arrayBuffer();
    await untilStored(digest);
    const [response] = (await once(get(url, { agent: false }), 'response')) as [IncomingMessage];
    const hash = createHash('sha256');
    let received = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      hash.update(chunk);
      if (received < mebibyte && received + chunk.length >= mebibyte) {
        await bucket.removeBlob(digest);
        // Without the restart the server would complete the response that it has begun.
        await cluster.s3.stop();
        await cluster.s3.start();
      }
      received += chunk.length;
    }
    assert.equal(received, size);
    assert.equal(`sha256:${hash.digest('hex')}`, digest);
    // The blob is fetched in two parts. The reader does not wait for bytes that it already has.
    assert.ok(upstream.bytesSent(digest) < 2.2 * size, `${upstream.bytesSent(digest)} bytes`);
    await untilStored(digest);
  },
);
