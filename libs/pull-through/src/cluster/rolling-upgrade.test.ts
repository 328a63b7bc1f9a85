// Nodes of protocol 1 and of this release run at the same time. Neither reads the other's fills. Both wait for the stored blob.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { bytesOf, collect } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { verifiedRecord } from '@cistern/content';
import { library, startHalfway } from '../testing/start-halfway.ts';
import { clusterSecret, startTestCluster } from '../testing/start-test-cluster.ts';
import { createV1Access, v1Authorization } from './fixtures/v1-access.ts';

const size = 300_000;
const leaseMs = 60_000;

/** Options for a cluster with frontends of protocol 1 and workers of this release. */
const ofV1 = {
  accessOf: (link: (address: string) => Promise<{ readonly url: string }>) =>
    createV1Access(clusterSecret, async (address) => (await link(address)).url),
};

test('frontends of protocol 1 wait for the end of a fill of this release, and take over nothing', async (t) => {
  const started = await startHalfway(t, { ...ofV1, workers: 2 });
  const { hub, index, digest, read, bytes, upstreamBytes, queue } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  await until(() => upstreamBytes() === started.size / 2);
  // If a reader requested a worker now, that worker would take over the fill.
  queue.route = () => 'worker-2';
  const { fillId } = (await index.fills.read(digest))!;
  await delay(10_000);
  assert.equal((await index.fills.read(digest))?.fillId, fillId);
  hub.allow(started.size);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  assert.equal(hub.gets.length, 1);
});

test('frontends of protocol 1 get the bytes of a range, and the failure of a fill', async (t) => {
  const started = await startHalfway(t, { ...ofV1, workers: 1 });
  const { hub, read, bytes } = started;
  const reading = read(0, { start: 1_000, end: 1_999 }).then(collect);
  await until(() => started.upstreamBytes() > 0);
  hub.allow(started.size);
  assert.ok((await reading).equals(bytes.subarray(1_000, 2_000)));

  const wrong = await startTestCluster(t, { ...ofV1, workers: 1 });
  const body = bytesOf(size);
  const digest = wrong.hub.addBlob(library.repository, body);
  wrong.hub.script.gated = true;
  const opened = await wrong.frontends[0]!.cache.openBlob({ ...library, digest, intent: 'whole' });
  body[size - 1]! ^= 1;
  const failing = opened.read().then(collect);
  wrong.hub.allow(10 * size);
  await assert.rejects(failing);
});

test('frontends of protocol 1 are served when the worker of this release is killed', async (t) => {
  const started = await startHalfway(t, { ...ofV1, workers: 2 });
  const { hub, index, digest, read, bytes, workers, upstreamBytes } = started;
  const reading = read(0).then(collect);
  await until(() => upstreamBytes() === started.size / 2);
  const { address } = (await index.fills.read(digest))!;
  await delay(1_500);
  hub.allow(2 * started.size);
  await workers.find((worker) => worker.address === address)!.kill();
  assert.ok((await reading).equals(bytes));
});

test('a worker of protocol 1 gets no bytes or checksums from a worker of this release, and its token is rejected', async (t) => {
  const { hub, index, digest, workers, read, halfway, ...started } = await startHalfway(t, { workers: 1 });
  const reading = read(0).then(collect);
  await halfway();
  const { fillId } = (await index.fills.read(digest))!;
  const headers = { authorization: v1Authorization(clusterSecret) };
  const get = (path: string) => fetch(`${workers[0]!.url}${path}`, { headers });
  for (const path of [`${fillId}/present?from=0`, `${fillId}/checksum?from=0&to=9`, 'another?from=0&to=9', ''])
    assert.equal((await get(`/v1/fills/${path}`)).status, 404, path);
  assert.equal((await get(`/v2/fills/${fillId}?from=0&to=9`)).status, 401);
  const followed = await get(`/v1/fills/${fillId}?from=0&to=${started.size}&verified=1`);
  hub.allow(started.size);
  await reading;
  const sent = Buffer.from(await followed.arrayBuffer());
  // Heartbeats, and a frame for a moved fill.
  assert.match(sent.toString('hex'), /^(0000000000)*0400000000$/);
});

/** Writes a record of a fill on a worker of protocol 1, and starts a server that counts the requests to it. */
async function startV1Fill(t: TestContext) {
  const cluster = await startTestCluster(t, { workers: 2, frontends: 2 });
  const { index, hub } = cluster;
  const bytes = bytesOf(size);
  const digest = hub.addBlob(library.repository, bytes);
  const requests: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    requests.push(url);
    response.writeHead(404).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => void server.close());
  const address = 'http://worker-of-v1:5002';
  cluster.listenAt(address, (server.address() as AddressInfo).port);
  const claim = { digest, source: library, address, leaseMs, class: 'interactive', fillId: 'v1', replaces: 0 } as const;
  const record = await index.fills.claim({ ...claim, owner: 'v1' });
  assert.ok(record !== undefined && 'generation' in record);
  await index.fills.running(digest, 'v1', size);
  return {
    ...cluster,
    bytes,
    digest,
    requests,
    record,
    pull: async (frontend: number) => {
      const { cache } = cluster.frontends[frontend]!;
      return collect(await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read());
    },
  };
}

test('readers wait for a fill of protocol 1, then read the blob from the store', async (t) => {
  const { index, stored, bytes, digest, requests, pull, hub } = await startV1Fill(t);
  const pulling = [0, 1].map(pull);
  await delay(10_000);
  stored.blobs.set(digest, { bytes, modifiedAtMs: Date.now() });
  await index.fills.done(digest, 'v1', verifiedRecord(digest, size, Date.now()));
  for (const body of await Promise.all(pulling)) assert.ok(body.equals(bytes));
  assert.deepEqual(requests, []);
  assert.equal(hub.gets.length, 0);
});

test('a blob of protocol 1 is fetched again after the lease expires, and its fill is not taken over before', async (t) => {
  const { index, bytes, digest, requests, record, pull, hub, shared, queue } = await startV1Fill(t);
  const pulling = pull(0);
  // Simulates the handover by the worker of protocol 1.
  const job = { ...library, digest, replaces: record.generation, from: 0, resumes: true };
  await queue.queue.add('fetch-blob', job, { dedupKey: 'handed over', class: 'interactive' });
  await delay(5_000);
  assert.equal((await index.fills.read(digest))?.fillId, 'v1');
  assert.equal(hub.gets.length, 0);
  shared.advance(leaseMs);
  assert.ok((await pulling).equals(bytes));
  assert.equal(hub.gets.length, 1);
  assert.deepEqual(requests, []);
});

test('the failure of a fill of protocol 1 reaches the client', async (t) => {
  const { index, digest, pull } = await startV1Fill(t);
  const pulling = pull(0);
  await delay(1_500);
  const failure = { kind: 'upstream-timeout', message: 'Too slow.' } as const;
  await Promise.all([assert.rejects(pulling, /Too slow/), index.fills.failed(digest, 'v1', failure, 2_000)]);
});
