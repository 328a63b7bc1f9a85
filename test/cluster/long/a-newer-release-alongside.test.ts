// Nodes of a newer release use the same Redis. Their records, jobs and workers do not break this release, and this
// release does not break them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { sendRequest } from '@cistern/single-node/send-request';
import { until } from '@cistern/single-node/until';
import { digestOf, parseRepositoryName } from '@cistern/oci';
import { Queue } from 'bullmq';
import { openClusterRig } from '../src/open-cluster-rig.ts';
import { openIndex } from '../src/open-index.ts';
import { pullImage } from '../src/pull.ts';
import { unexpectedErrors } from '../src/unexpected-errors.ts';

const { upstream, cluster, nodes, urlOf } = await openClusterRig({ after });
const { frontends, redis, keyPrefix } = cluster;
const index = await openIndex({ after }, cluster);
const source = { upstream: 'docker.io', repository: parseRepositoryName('library/app') };
const fillKey = (digest: string) => `${keyPrefix}{b:all}:fill:${digest}`;

async function pullBlob(digest: string, at: { readonly url: string }): Promise<void> {
  const { status, body } = await sendRequest(urlOf(`library/app/blobs/${digest}`, at));
  assert.equal(status, 200);
  assert.equal(digestOf(body), digest);
}

test('records of a newer release stay unchanged, and their content is served', async () => {
  const image = upstream.addImage('library/app', { tag: 'latest', layers: [{ size: 2_000_000, seed: 'layer' }] });
  await pullImage({ at: frontends[0]!, image, tag: 'latest' });
  for (const { digest } of [image.config, ...image.layers])
    await until('its fill has ended', async () => (await index.fills.read(digest))?.state !== 'running', 30_000);
  const keys = (await redis.command('KEYS', `${keyPrefix}*`)).split('\n');
  const records = keys.filter((key) => /\}:[bmt]:/.test(key));
  assert.ok(records.length >= 5);
  for (const key of records) await redis.command('HSET', key, 'v', '2', 'new', 'field');
  const dump = () => Promise.all(records.map((key) => redis.command('DUMP', key)));
  const before = await dump();
  for (const at of [frontends[2]!, frontends[1]!, frontends[0]!, cluster])
    await pullImage({ at, image, tag: 'latest' });
  assert.deepEqual(await dump(), before);
  assert.equal(upstream.count({ method: 'GET', digest: image.layers[0]!.digest }), 1);
});

test('jobs of a newer release wait for its workers and do not block other jobs', async (t) => {
  const queueName = 'interactive-blob';
  const connection = { host: redis.host, port: redis.port };
  const queue = new Queue(queueName, { prefix: `${keyPrefix}{jobs-${queueName}}`, connection });
  t.after(() => queue.close());
  const { digest } = upstream.addBlob('library/app', Buffer.from('wanted by a newer release'));
  const payload = { ...source, digest, replaces: 0, from: 0, wish: 'unheard of' };
  const jobs = [
    await queue.add('fetch-blob', { v: 2, payload }),
    await queue.add('fetch-attestation', { v: 1, payload }),
  ];
  await until('workers have seen the jobs', async () => {
    const states = await Promise.all(jobs.map((job) => job.getState()));
    return states.every((state) => state === 'delayed');
  });
  for (const at of frontends) {
    const cold = upstream.addBlob('library/app', { size: 100_000, seed: `alongside jobs ${at.name}` });
    await pullBlob(cold.digest, at);
  }
  for (const job of jobs) assert.equal(await queue.getJob(job.id!).then((found) => found?.data.v), job.data.v);
  assert.equal(upstream.count({ method: 'GET', digest }), 0);
  await queue.drain(true);
});

test('a fill of a worker with another protocol is awaited, and its worker gets no request', async (t) => {
  const requests: string[] = [];
  const worker = createServer((request, response) => {
    requests.push(request.url ?? '');
    response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(worker, 'listening');
  t.after(() => void worker.close());
  const address = `http://127.0.0.1:${(worker.address() as AddressInfo).port}`;
  const { digest, size } = upstream.addBlob('library/app', { size: 3_000_000, seed: 'elsewhere' });
  const claim = {
    digest,
    source,
    address,
    class: 'interactive',
    fillId: 'newer',
    owner: 'newer',
    replaces: 0,
  } as const;
  const claimed = await index.fills.claim({ ...claim, leaseMs: 6_000 });
  assert.ok(claimed !== undefined && !('unsettledForMs' in claimed));
  assert.equal(await index.fills.running(digest, 'newer', size, { protocol: 3, signature: 'x' }), true);
  // Pulls wait until the lease of the fill has ended.
  for (const at of frontends) await pullBlob(digest, at);
  assert.deepEqual(requests, []);
  assert.equal(upstream.count({ method: 'GET', digest }), 1);
});

test('a fill of a newer release is awaited, and is taken over once its lease has expired', async () => {
  const { digest } = upstream.addBlob('library/app', { size: 3_000_000, seed: 'newer fill' });
  const key = fillKey(digest);
  await redis.command('HSET', key, 'v', '2', 'owner', 'newer', 'state', 'running');
  // real-time: a lower bound, which a slow machine only exceeds
  const sinceMs = Date.now();
  await redis.command('PEXPIRE', key, '6000');
  const pulling = Promise.all(frontends.map((at) => pullBlob(digest, at)));
  await until('its lease has expired', async () => {
    const requests = upstream.count({ method: 'GET', digest });
    const isThere = (await redis.command('HGET', key, 'owner')) === 'newer';
    // The record existed when requests were counted.
    if (isThere) assert.equal(requests, 0);
    // real-time: a lower bound, which a slow machine only exceeds
    else assert.ok(Date.now() - sinceMs > 5000, 'taken over before its lease expired');
    return !isThere;
  });
  await pulling;
  assert.equal(upstream.count({ method: 'GET', digest }), 1);
  assert.deepEqual(unexpectedErrors(nodes), []);
});
