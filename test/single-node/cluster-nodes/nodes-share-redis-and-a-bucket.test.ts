// Starts the nodes of a cluster as an operator does, from one file: a real Redis, a real bucket, one node of each kind.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startRedis, startS3 } from '@cistern/test-servers';
import { openCistern, openDirectory, openUpstream, seededBytes } from '../src/open-stage.ts';
import { runCommand as runCistern } from '@cistern/cli/testing/start-command';
import { sendRequest } from '../src/send-request.ts';
import { startNode, startNodeProcess } from './start-node.ts';

const directory = await openDirectory({ after });
const upstream = await openUpstream({ after });
const layer = seededBytes(3_000_000, 'layer');
const image = upstream.addImage('library/app', { tag: 'latest', layers: [layer] });
const digest = image.layers[0]?.digest ?? '';

const [redis, s3] = await Promise.all([startRedis({ password: 'hunter2' }), startS3()]);
after(() => Promise.all([redis.close(), s3.close()]));

const storage = {
  s3: {
    regionendpoint: s3.endpoint,
    region: s3.region,
    accesskey: s3.accessKey,
    secretkey: s3.secretKey,
    bucket: `cistern-${randomUUID()}`,
    createbucket: true,
  },
};
const upstreams = { 'docker.io': { url: upstream.url } };
const configFile = join(directory, 'cluster.yml');
await writeFile(
  configFile,
  JSON.stringify({
    redis: { addr: `127.0.0.1:${redis.port}`, password: redis.password, commandtimeout: '10s' },
    cluster: { secret: randomUUID() },
    storage,
    http: { debug: { prometheus: { enabled: true } } },
    upstreams,
  }),
);

const pull = async ({ url }: { readonly url: string }, blob: string) =>
  (await sendRequest(`${url}/v2/library/app/blobs/${blob}`)).body;

test('a frontend serves content that a worker fetches, and a second frontend serves it from the store', async () => {
  const worker = await startNodeProcess({ after }, 'worker', configFile);
  const frontend = await startNodeProcess({ after }, 'frontend', configFile);
  assert.equal((await sendRequest(`${frontend.url}/v2/library/app/manifests/latest`)).status, 200);
  assert.ok((await pull(frontend, digest)).equals(layer));
  const serve = await startNode({ after }, 'serve', configFile);
  assert.ok((await pull(serve, digest)).equals(layer));
  assert.equal(upstream.count({ method: 'GET', digest }), 1);
  for (const { debugUrl } of [worker, frontend, serve])
    assert.equal((await runCistern(['healthcheck', '--url', debugUrl])).code, 0);
  for (const node of [worker, frontend]) assert.deepEqual(await node.stop(), { code: 0, signal: null });
});

test('the admin node counts cached content', async () => {
  const admin = await startNode({ after }, 'admin', configFile);
  const { parts } = JSON.parse((await sendRequest(admin.url)).body.toString());
  assert.partialDeepStrictEqual(parts, { index: 'ok', store: 'ok' });
  const metrics = (await sendRequest(`${admin.debugUrl}/metrics`)).body.toString();
  assert.match(metrics, /^cistern_cached_blobs [1-9]\d*$/m);
  assert.match(metrics, /^cistern_part_up\{part="store"\} 1$/m);
});

test('a single node with its index on disk serves content of the bucket', async (t) => {
  const indexdirectory = join(directory, 'made', 'by', 'us');
  const cistern = await openCistern(t, { config: { storage: { s3: { ...storage.s3, indexdirectory } }, upstreams } });
  assert.ok((await pull(cistern, digest)).equals(layer));
  assert.equal(upstream.count({ method: 'GET', digest }), 1);
  assert.equal((await readdir(join(indexdirectory, 'cistern'))).filter((name) => name.endsWith('.sqlite')).length, 1);
});
