// FLUSHALL during operation: clients notice nothing, nothing is fetched again, and the index and its byte accounting
// recover automatically.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { beginDownload } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { createGate } from '@cistern/fake-upstream';
import { type Digest, digestOf, parseRepositoryName, parseTag } from '@cistern/oci';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { openIndex } from '../src/open-index.ts';
import { pullContinuously } from '../src/pull-continuously.ts';
import { pullImage } from '../src/pull.ts';
import { unexpectedErrors } from '../src/unexpected-errors.ts';

const mebibyte = 1024 * 1024;
const { upstream, cluster, nodes, urlOf } = await openClusterRig({ after });
const index = await openIndex({ after }, cluster);
const key = { upstream: 'docker.io', repository: parseRepositoryName('library/app') };
const tags = ['1', '2', '3', '4', '5'];
const images = tags.map((tag) => {
  const layers = [1, 2, 3].map((layer) => ({ size: 300_000 * layer, seed: `${tag}.${layer}` }));
  return upstream.addImage(key.repository, { tag, layers, seed: tag });
});
const blobs = images.flatMap(({ config, layers }) => [config, ...layers]);

/** The content of the index for these images, without the fields that change with every pull. */
async function content() {
  const records = await Promise.all(tags.map((tag) => index.tags.get({ ...key, tag: parseTag(tag) })));
  const linkOf = (digest: Digest) => index.links.get(key, digest);
  return {
    tags: records.map((record) => [record?.tag, record?.digest, record?.mediaType, record?.size, record?.sequence]),
    manifests: await Promise.all(images.map(async ({ digest }) => (await index.manifests.get(digest))?.mediaType)),
    links: await Promise.all([...images, ...blobs].map(({ digest }) => linkOf(digest))),
    sizes: await Promise.all(blobs.map(async ({ digest }) => (await index.blobs.get(digest))?.size)),
    repositories: await index.links.repositories({ limit: 10 }),
  };
}

test('FLUSHALL during warm pulls and a fill causes no failure and no further fetch', async () => {
  for (const [position, image] of images.entries()) await pullImage({ at: cluster, image, tag: tags[position]! });
  await until('the index is complete', () => index.epoch.isComplete(), 30_000);
  await until(
    'fills have ended',
    async () => (await index.blobs.totals()).blobs === images.length + blobs.length,
    30_000,
  );
  const [contentBefore, totals] = [await content(), await index.blobs.totals()];

  const gate = createGate();
  const cold = upstream.addBlob(key.repository, { size: 24 * mebibyte, seed: 'cold' });
  upstream.addFault({ digest: cold.digest, method: 'GET' }, { gate });
  gate.allow(4 * mebibyte);
  const filling = await beginDownload(urlOf(`library/app/blobs/${cold.digest}`));
  await filling.untilReceived(2 * mebibyte);
  const pulling = pullContinuously({
    clients: 50,
    at: [cluster],
    images,
    tagOf: (image) => tags[images.indexOf(image)]!,
  });
  const pulls = async (count: number) => {
    const wanted = pulling.pulled.length + count;
    await until(`${count} more pulls`, () => pulling.pulled.length >= wanted, 120_000);
  };
  await pulls(50);
  const requests = upstream.count();

  await cluster.redis.flushAll();
  // A client that arrives now joins the fill that Redis has no record of, at any frontend.
  const joining = Promise.all(
    cluster.frontends.map((frontend) => beginDownload(urlOf(`library/app/blobs/${cold.digest}`, frontend))),
  );
  await pulls(100);
  await until('the index is complete again', () => index.epoch.isComplete(), 60_000);
  gate.release();
  for (const download of [filling, ...(await joining)]) {
    assert.equal(download.status, 200);
    assert.equal(digestOf((await download.ended).body), cold.digest);
  }
  await pulls(50);
  await pulling.stop();

  assert.deepEqual([...new Set(pulling.pulled.map(({ status }) => status))], [200]);
  assert.equal(upstream.count({ digest: cold.digest, method: 'GET' }), 1);
  // Tags may have been confirmed, which costs a HEAD each.
  const since = upstream
    .requests()
    .slice(requests)
    .map(({ method, endpoint }) => `${method} ${endpoint}`);
  assert.deepEqual(
    since.filter((request) => request !== 'HEAD manifest'),
    [],
  );
  await until('the fill is accounted for', async () => (await index.blobs.totals()).blobs === totals.blobs + 1, 30_000);
  assert.deepEqual(await index.blobs.totals(), { blobs: totals.blobs + 1, bytes: totals.bytes + cold.size });
  assert.deepEqual(await content(), contentBefore);
  assert.deepEqual(unexpectedErrors(nodes), []);
});
