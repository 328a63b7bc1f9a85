// Runs races between frontends and workers step by step.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isCacheError } from '@cistern/errors';
import { library, startHalfway } from '../testing/start-halfway.ts';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCluster } from '../testing/start-test-cluster.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const other = repositoryOf('docker.io', 'someone/else');
const leaseMs = 4_000;
const isRefused = (error: unknown) => isCacheError(error, 'blob-unknown');

async function startCold(t: TestContext) {
  const cluster = await startTestCluster(t);
  const bytes = bytesOf(600_000);
  const digest = cluster.hub.addBlob(library.repository, bytes);
  const pull = async (frontend: number, key = library) => {
    const blob = await cluster.frontends[frontend]!.cache.openBlob({ ...key, digest, intent: 'whole' });
    return { cache: blob.cache, bytes: await collect(await blob.read()) };
  };
  return { ...cluster, bytes, digest, pull };
}

test('an announcement before the subscription is not missed', async (t) => {
  for (const step of ['pubsub.subscribe', 'pubsub.subscribe done', 'fills.read done', 'queue.add']) {
    const { hub, frontends, index, digest, bytes, pull } = await startCold(t);
    hub.script.gated = true;
    hub.allow(100_000);
    const held = frontends[0]!.process.hold(step);
    const late = pull(0);
    await held.reached;
    const early = pull(1);
    await until(async () => (await index.fills.read(digest))?.state === 'running');
    held.release();
    await delay(20);
    hub.allow(bytes.length);
    assert.ok((await early).bytes.equals(bytes) && (await late).bytes.equals(bytes), step);
    assert.equal(hub.gets.length, 1, step);
  }
});

test('pulls succeed when announcements are lost or late', async (t) => {
  for (const fault of [{ lost: true }, { lateMs: 300 }]) {
    const { hub, shared, bytes, pull, workers } = await startCold(t);
    Object.assign(shared.pubsub, fault);
    const pulled = await Promise.all([pull(0), pull(1), pull(0)]);
    for (const body of pulled) assert.ok(body.bytes.equals(bytes));
    assert.equal(hub.gets.length, 1);
    await until(() => workers.every(({ fills }) => fills.size === 0));
  }
});

test('a blob that is committed between a miss and its job is fetched only once', async (t) => {
  const { hub, frontends, shared, bytes, pull, index, digest } = await startCold(t);
  const held = frontends[0]!.process.hold('queue.add');
  const late = pull(0);
  await held.reached;
  assert.ok((await pull(1)).bytes.equals(bytes));
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  shared.advance(leaseMs);
  held.release();
  assert.ok((await late).bytes.equals(bytes));
  assert.equal(hub.gets.length, 1);
});

test('a 404 for one repository does not end the wait of another repository for the same digest', async (t) => {
  const { hub, workers, bytes, pull } = await startCold(t);
  const held = workers[0]!.process.hold('docker.io.getBlob');
  const strange = assert.rejects(pull(0, other), (error) => isCacheError(error, 'blob-unknown'));
  await held.reached;
  const rightful = [pull(1), pull(0)];
  await delay(50);
  held.release();
  await strange;
  for (const { bytes: body } of await Promise.all(rightful)) assert.ok(body.equals(bytes));
  assert.equal(hub.gets.length, 1);
});

test('an unauthorized repository gets nothing from a fill in flight, from any worker and by any kind of request', async (t) => {
  const started = await startHalfway(t);
  const { hub, workers, frontends, read, bytes, size, digest, index } = started;
  const reading = read(0).then(collect);
  await started.halfway();
  const refuse = async () => {
    for (const { cache } of frontends)
      for (const intent of ['whole', 'ranges', 'stat'] as const)
        await assert.rejects(cache.openBlob({ ...other, digest, intent }), isRefused);
  };
  await refuse();
  await workers[0]!.kill();
  await until(async () => (await index.fills.read(digest))?.address === workers[1]!.address);
  await refuse();
  hub.allow(3 * size);
  assert.ok((await reading).equals(bytes));
  await refuse();
  assert.equal(await index.links.get(other, digest), undefined);
});

test('a job of an unauthorized repository that takes over a fill gives it no access, and readers continue', async (t) => {
  const started = await startHalfway(t);
  const { hub, frontends, queue, read, bytes, size, digest, index } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  await started.halfway();
  queue.route = () => 'worker-2';
  const replaces = (await index.fills.read(digest))!.generation;
  await queue.queue.add('fetch-blob', { ...other, digest, replaces, from: 0 }, { dedupKey: 'x', class: 'interactive' });
  await until(async () => ((await index.fills.read(digest))?.generation ?? 0) > replaces);
  hub.allow(3 * size);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  assert.equal(await index.links.get(other, digest), undefined);
  await assert.rejects(frontends[0]!.cache.openBlob({ ...other, digest, intent: 'whole' }), isRefused);
  await started.nothingLeft();
});

test('a job of an older request does not take over a fill that a newer request has just started', async (t) => {
  const { hub, workers, frontends, shared, queue, index, digest, bytes, pull } = await startCold(t);
  hub.script.gated = true;
  hub.allow(100_000);
  const early = pull(0);
  await until(async () => (await index.fills.read(digest))?.state === 'running');
  queue.route = () => undefined;
  await workers[0]!.kill();
  await until(() => queue.added.length === 2);
  shared.advance(leaseMs);
  const added = frontends[1]!.process.hold('queue.add done');
  const late = pull(1);
  await added.reached;
  added.release();
  const { process } = workers[1]!;
  const [old, fetching] = [process.hold('fills.read'), process.hold('docker.io.getBlob')];
  queue.route = () => 'worker-2';
  queue.dispatch();
  await Promise.all([old.reached, fetching.reached]);
  const claimed = process.hold('fills.claim done');
  old.release();
  await claimed.reached;
  claimed.release();
  fetching.release();
  hub.allow(2 * bytes.length);
  for (const { bytes: body } of await Promise.all([early, late])) assert.ok(body.equals(bytes));
  assert.equal(hub.gets.length, 2);
});

test('a worker rejects clients without the secret of the cluster', async (t) => {
  const started = await startHalfway(t);
  const { hub, workers, read, bytes, size, digest, index } = started;
  const reading = read(0).then(collect);
  await started.halfway();
  const { fillId } = (await index.fills.read(digest))!;
  for (const authorization of ['', 'Bearer ', 'Bearer the secret of the test cluster'])
    for (const path of [`?from=0&to=${size}`, '/present?from=0']) {
      const response = await fetch(`${workers[0]!.url}/v2/fills/${fillId}${path}`, { headers: { authorization } });
      assert.equal(response.status, 401);
      assert.ok((await response.arrayBuffer()).byteLength < 200);
    }
  hub.allow(size);
  assert.ok((await reading).equals(bytes));
});

test('an index that loses its data during a fill causes no second fetch', async (t) => {
  const started = await startHalfway(t);
  const { hub, read, bytes, size, shared, index, digest } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  await started.halfway();
  shared.loseData();
  // The index has lost the records of the blob and of the fill.
  const late = [0, 1].map((frontend) => read(frontend).then(collect));
  await until(async () => (await index.fills.read(digest)) !== undefined);
  await delay(3_000);
  hub.allow(size);
  for (const body of await Promise.all([...reading, ...late])) assert.ok(body.equals(bytes));
  assert.equal(hub.gets.length, 1);
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  await started.nothingLeft();
});

test('an index that loses its data before upstream responds, or before the end is recorded, causes no second fetch', async (t) => {
  for (const step of ['docker.io.getBlob', 'fills.running', 'fills.done']) {
    const { hub, workers, shared, bytes, pull, index, digest } = await startCold(t);
    const held = workers[0]!.process.hold(step);
    const early = pull(0);
    await held.reached;
    shared.loseData();
    const late = pull(1);
    await delay(100);
    held.release();
    assert.ok((await early).bytes.equals(bytes) && (await late).bytes.equals(bytes), step);
    assert.equal(hub.gets.length, 1, step);
    await until(async () => (await index.blobs.get(digest))?.verified === true);
  }
});
