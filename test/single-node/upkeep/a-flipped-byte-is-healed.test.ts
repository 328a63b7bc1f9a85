// A disk changes a byte that was verified long ago. The scrub finds it before many clients do.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { cacheOf, openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { readMetrics } from '../src/read-metrics.ts';
import { sendRequest } from '../src/send-request.ts';
import { blobFile, wronglyStored } from '../src/store-files.ts';
import { until } from '../src/until.ts';

test('a flipped byte in a layer and one in a manifest are healed without a client', async (t) => {
  const upstream = await openUpstream(t);
  const rootDirectory = await openDirectory(t);
  const env = { REGISTRY_STORAGE_SCRUB_EVERY: '10s', REGISTRY_STORAGE_SCRUB_BANDWIDTH: '100MB' };
  const cistern = await openCistern(t, { rootDirectory, config: cacheOf(upstream, { ttl: '10m' }), env });
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [{ size: 3_000_000, seed: 1 }] });
  const [layer] = image.layers;
  const digests = [image.digest, layer!.digest];
  const paths = ['manifests/latest', `blobs/${layer!.digest}`];
  const pull = async () => Promise.all(paths.map((path) => sendRequest(`${cistern.url}/v2/library/app/${path}`)));
  await pull();
  const isStored = async () => (await pull()).every(({ headers }) => headers['x-cache'] === 'HIT');
  await until('both are stored', isStored);
  for (const digest of digests) {
    const file = blobFile(rootDirectory, digest);
    const bytes = await readFile(file);
    bytes[100]! ^= 1;
    await writeFile(file, bytes);
  }
  const healed = async () => (await readMetrics(cistern)).get('cistern_scrub_objects_total{kind="healed"}');
  await until('both are healed', async () => (await healed()) === 2, 60_000);
  assert.deepEqual(await wronglyStored(rootDirectory), []);
  for (const digest of digests) assert.equal(upstream.count({ digest, method: 'GET' }), 2);
  for (const answer of await pull()) assert.deepEqual([answer.status, answer.headers['x-cache']], [200, 'HIT']);
  for (const digest of digests) assert.equal(upstream.count({ digest, method: 'GET' }), 2);
});
