// Tests nodes that start while Redis or S3 is down: they serve as much as possible, report the missing server, and need
// no restart.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { startRedis, startS3 } from '@cistern/test-servers';
import { openDirectory, openUpstream, seededBytes } from '../src/open-stage.ts';
import { sendRequest } from '../src/send-request.ts';
import { until } from '../src/until.ts';
import { startNode, startUnready, untilReady } from './start-node.ts';

const directory = await openDirectory({ after });
const upstream = await openUpstream({ after });
const warm = upstream.addImage('library/warm', { tag: '1.0.0', layers: [seededBytes(3_000_000, 'warm')] });
const cold = upstream.addImage('library/cold', { tag: '1.0.0', layers: [seededBytes(2_000_000, 'cold')] });
const layerOf = ({ layers }: typeof warm) => layers[0]?.digest ?? '';

const [redis, s3] = await Promise.all([startRedis({ password: 'hunter2' }), startS3()]);
after(() => Promise.all([redis.close(), s3.close()]));

const bucket = `cistern-${randomUUID()}`;
const configuration = {
  redis: { addr: `127.0.0.1:${redis.port}`, password: redis.password, commandtimeout: '2s' },
  cluster: { secret: randomUUID() },
  storage: {
    s3: {
      regionendpoint: s3.endpoint,
      region: s3.region,
      accesskey: s3.accessKey,
      secretkey: s3.secretKey,
      bucket,
      createbucket: true,
    },
  },
  health: { storagedriver: { interval: '1s', threshold: 1 } },
  upstreams: { 'docker.io': { url: upstream.url } },
};

async function fileOf(name: string, changes: object = {}): Promise<string> {
  const file = join(directory, name);
  await writeFile(file, JSON.stringify({ ...configuration, ...changes }));
  return file;
}

const configFile = await fileOf('cluster.yml');
const get = (url: string, path: string) => sendRequest(`${url}/v2/library/${path}`);
const failing = async (debugUrl: string) => {
  const { status, body } = await sendRequest(`${debugUrl}/readyz`);
  return { status, failing: (JSON.parse(body.toString()) as { failing: Record<string, string> }).failing };
};

async function assertDegraded(debugUrl: string, part: string, reason: RegExp): Promise<void> {
  assert.equal((await sendRequest(`${debugUrl}/healthz`)).status, 200);
  const { status, failing: parts } = await failing(debugUrl);
  assert.equal(status, 503);
  assert.deepEqual(Object.keys(parts), [part]);
  assert.match(parts[part] ?? '', reason);
}

test('a frontend that starts without Redis serves from the store, and serves everything with a worker once Redis is up', async (t) => {
  const worker = await startNode(t, 'worker', configFile);
  const first = await startNode(t, 'frontend', configFile);
  assert.equal((await get(first.url, 'warm/manifests/1.0.0')).status, 200);
  assert.equal((await get(first.url, `warm/blobs/${layerOf(warm)}`)).status, 200);
  await until('the layer is stored', async () => {
    const { headers } = await get(first.url, `warm/blobs/${layerOf(warm)}`);
    return headers['x-cache'] === 'HIT';
  });
  await Promise.all([first.stop(), worker.stop()]);
  await redis.stop();
  const [frontend, other] = await Promise.all([
    startUnready(t, 'frontend', configFile),
    startUnready(t, 'worker', configFile),
  ]);
  for (const { debugUrl } of [frontend, other]) await assertDegraded(debugUrl, 'index', /ECONNREFUSED/);
  const manifest = await get(frontend.url, 'warm/manifests/1.0.0');
  assert.deepEqual([manifest.status, manifest.headers['x-cache']], [200, 'STALE']);
  assert.equal((await get(frontend.url, `warm/blobs/${layerOf(warm)}`)).body.length, 3_000_000);
  const refused = await get(frontend.url, 'cold/manifests/1.0.0');
  assert.equal(refused.status, 503);
  assert.ok(refused.headers['retry-after'] !== undefined);
  await redis.start();
  await untilReady(frontend, 'frontend');
  await untilReady(other, 'worker');
  await until('a cold pull works', async () => (await get(frontend.url, 'cold/manifests/1.0.0')).status === 200);
  assert.equal((await get(frontend.url, `cold/blobs/${layerOf(cold)}`)).body.length, 2_000_000);
  await other.stop();
});

test('nodes that start without S3 fetch blobs, reject manifests, and serve everything once S3 is up', async (t) => {
  const { layers } = upstream.addImage('library/late', { tag: '1.0.0', layers: [seededBytes(1_000_000, 'late')] });
  const early = await startNode(t, 'worker', configFile);
  await early.stop();
  await s3.stop();
  const worker = await startUnready(t, 'worker', configFile);
  const frontend = await startUnready(t, 'frontend', configFile);
  for (const { debugUrl } of [worker, frontend]) await assertDegraded(debugUrl, 'store', /no server listens at/);
  const gets = () => upstream.count({ method: 'GET', endpoint: 'manifest' });
  const before = gets();
  const refused = await get(frontend.url, 'late/manifests/1.0.0');
  assert.equal(refused.status, 503);
  assert.ok(refused.headers['retry-after'] !== undefined);
  assert.equal(gets(), before);
  assert.equal((await get(frontend.url, `warm/blobs/${layerOf(warm)}`)).body.length, 3_000_000);
  await s3.start();
  for (const node of [worker, frontend]) await untilReady(node, 'worker');
  assert.equal((await get(frontend.url, 'late/manifests/1.0.0')).status, 200);
  assert.equal((await get(frontend.url, `late/blobs/${layers[0]?.digest ?? ''}`)).body.length, 1_000_000);
});

test('a rejection by a server ends the start immediately, and the error names the fix', async (t) => {
  const { s3: own } = configuration.storage;
  const wrong = [
    [{ redis: { ...configuration.redis, password: 'wrong' } }, 'index-unavailable', /the user name or the password/],
    [{ storage: { s3: { ...own, secretkey: 'wrong' } } }, 'store-unavailable', /secret key/],
    [
      { storage: { s3: { ...own, bucket: 'missing', createbucket: false } } },
      'store-unavailable',
      /Create it, or set storage\.s3\.createbucket/,
    ],
  ] as const;
  for (const [at, [changes, kind, message]] of wrong.entries())
    await assert.rejects(
      startUnready(t, 'frontend', await fileOf(`wrong-${at}.yml`, changes)),
      (error) => isCacheError(error, kind) && message.test(error.message),
    );
});
