// Tests `cistern export` and `cistern import`: a file fills a cache that reaches no upstream, and the cache serves its
// images.
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Digest } from '@cistern/oci';
import { openCistern, openDirectory, openUpstream } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';

const [hub, quay] = [await openUpstream({ after }), await openUpstream({ after })];
const shared = { size: 300_000, seed: 'base' };
const images = (['amd64', 'arm64'] as const).map((architecture) =>
  hub.addImage('library/multi', {
    platform: { os: 'linux', architecture },
    layers: [shared, { size: 2_000_000, seed: architecture }],
  }),
);
const index = hub.addIndex('library/multi', { tag: '1.0', images });
const single = quay.addImage('org/app', { tag: 'v1', layers: [shared, { size: 1_000, seed: 'app' }] });
const names = ['docker.io/library/multi:1.0', 'quay.io/org/app:v1'];

const directory = await openDirectory({ after });
const connected = await writeConfig('connected', { hub: hub.url, quay: quay.url });
const bundle = join(directory, 'bundle.tar');

function digestsIn({ config, layers }: (typeof images)[number]): Digest[] {
  return [config, ...layers].map(({ digest }) => digest);
}

async function writeConfig(name: string, urls: { readonly hub: string; readonly quay: string }): Promise<string> {
  const file = join(directory, `${name}.yml`);
  const upstreams = { 'docker.io': { url: urls.hub, default: true }, 'quay.io': { url: urls.quay } };
  const storage = { filesystem: { rootdirectory: join(directory, name) } };
  await writeFile(file, JSON.stringify({ upstreams, storage }));
  return file;
}

const exported = await runCistern(['export', ...names, '--output', bundle, '--config', connected]);

test('images of two upstreams are exported into one archive', () => {
  assert.equal(exported.code, 0, exported.stderr);
  assert.match(exported.stderr, /2 images, 11 manifests and blobs \(.*\) are in .*bundle\.tar\.\n$/);
});

test('the first export pulls everything once, and later exports create the same archive without upstream', async () => {
  const gets = [hub, quay].map((upstream) => upstream.count({ method: 'GET' }));
  const again = join(directory, 'again.tar');
  const run = await runCistern(['export', ...names.toReversed(), '-o', again, '--config', connected]);
  assert.equal(run.code, 0, run.stderr);
  assert.deepEqual(await readFile(again), await readFile(bundle));
  assert.deepEqual(
    [hub, quay].map((upstream) => upstream.count({ method: 'GET' })),
    gets,
  );
});

test('an empty cache without upstream serves all images after the import, byte for byte', async (t) => {
  const nowhere = 'http://127.0.0.1:1';
  const config = await writeConfig('isolated', { hub: nowhere, quay: nowhere });
  const run = await runCistern(['import', bundle, '--config', config]);
  assert.deepEqual([run.code, run.stderr], [0, '']);
  assert.equal(
    run.stdout.replace(/\(.*\)/, '(…)'),
    `${names[0]} is ${index.digest}.\n${names[1]} is ${single.digest}.\n2 images, 7 blobs (…).\n`,
  );
  const again = await runCistern(['import', bundle, '--config', config]);
  assert.match(again.stdout, /7 blobs \(.*; 7 were cached before\)/);

  const upstreams = { 'docker.io': { url: nowhere, default: true }, 'quay.io': { url: nowhere } };
  const cistern = await openCistern(t, { config: { upstreams }, rootDirectory: join(directory, 'isolated') });
  const get = async (path: string) => {
    const answer = await sendRequest(`${cistern.url}/v2/${path}`);
    assert.equal(answer.status, 200, path);
    return answer;
  };
  const tagged = await get('library/multi/manifests/1.0');
  assert.equal(tagged.headers['docker-content-digest'], index.digest);
  assert.deepEqual(tagged.body, Buffer.from(index.bytes));
  for (const image of images) {
    await get(`library/multi/manifests/${image.digest}`);
    for (const digest of digestsIn(image)) await get(`library/multi/blobs/${digest}`);
  }
  assert.deepEqual((await get('quay.io/org/app/manifests/v1')).body, Buffer.from(single.bytes));
  for (const digest of digestsIn(single)) await get(`quay.io/org/app/blobs/${digest}`);
  // The cache does not serve a blob that the repository does not hold.
  assert.equal((await sendRequest(`${cistern.url}/v2/library/other/blobs/${single.config.digest}`)).status, 503);
});
