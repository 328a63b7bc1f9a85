// A worker that shuts down hands over its fills. The next worker copies their bytes and fetches the rest, and no reader fails.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { library, startHalfway } from '../testing/start-halfway.ts';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCluster } from '../testing/start-test-cluster.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const graceMs = 10_000;

test('a fill that is handed over halfway fetches nothing twice from upstream, and no reader fails', async (t) => {
  const started = await startHalfway(t);
  const { hub, workers, read, bytes, size, index, digest } = started;
  const range = { start: 3_000_000, end: size - 5 };
  const reading = [0, 1, 0].map((frontend) => read(frontend).then(collect));
  const ranged = read(1, range).then(collect);
  await started.halfway();
  // The upstream is slow, and continues to send during the handover.
  hub.script.onChunk = () => delay(4);
  hub.allow(3 * size);
  await delay(50);
  await workers[0]!.terminate(graceMs);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  assert.ok((await ranged).equals(bytes.subarray(range.start, range.end + 1)));
  assert.ok(started.upstreamShare() < 1.1, `${started.upstreamShare()} of the blob came from upstream`);
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  await started.nothingLeft();
});

test('a handed-over fill from an upstream without ranges gives the right bytes', async (t) => {
  for (const end of ['kill', 'terminate'] as const) {
    const started = await startHalfway(t, { size: 10 * 1024 * 1024 });
    const { hub, workers, read, bytes, size } = started;
    hub.script.ranges = false;
    const reading = [0, 1].map((frontend) => read(frontend).then(collect));
    await started.halfway();
    hub.allow(3 * size);
    const ending = workers[0]![end](graceMs);
    for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes), end);
    await ending;
    assert.ok(started.upstreamShare() <= 2.1, `${started.upstreamShare()} of the blob came from upstream`);
    await started.nothingLeft();
  }
});

test('a verified blob that the store rejects is handed over too, and stored after the store recovers', async (t) => {
  const started = await startHalfway(t, { size: 4 * 1024 * 1024 });
  const { hub, workers, read, bytes, size, stored, index, digest } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  stored.failing = true;
  hub.allow(size);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  await workers[0]!.terminate(3_000);
  await until(async () => (await index.fills.read(digest))?.address === workers[1]!.address);
  assert.ok((await collect(await read(0))).equals(bytes));
  assert.equal(started.upstreamShare(), 1);
  stored.failing = false;
  await until(() => stored.blobs.has(digest));
  assert.ok(Buffer.from(stored.blobs.get(digest)!.bytes).equals(bytes));
  await started.nothingLeft();
});

test('a fill without another worker waits for the next worker', async (t) => {
  const started = await startHalfway(t, { workers: 1 });
  const { hub, workers, read, bytes, size } = started;
  const reading = read(0).then(collect);
  await started.halfway();
  await workers[0]!.terminate(300);
  hub.allow(3 * size);
  await workers[0]!.restart();
  assert.ok((await reading).equals(bytes));
  assert.ok(started.upstreamShare() < 1.6);
  await started.nothingLeft();
});

test('a worker hands over a fill to a second worker, which hands it over to a third', async (t) => {
  const started = await startHalfway(t, { workers: 3, size: 24 * 1024 * 1024 });
  const { hub, workers, read, bytes, size } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  await started.halfway();
  await workers[0]!.terminate(graceMs);
  hub.allow(size / 4);
  await until(() => started.upstreamBytes() >= (size / 4) * 3 - 1);
  await workers[1]!.terminate(graceMs);
  hub.allow(3 * size);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  assert.ok(started.upstreamShare() < 1.1, `${started.upstreamShare()} of the blob came from upstream`);
  await started.nothingLeft();
});

const never = () => new Promise<void>(() => {});

test('a worker that shuts down before upstream responds gives its job to another, which starts immediately', async (t) => {
  const { hub, workers, frontends, queue } = await startTestCluster(t);
  const bytes = bytesOf(600_000);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.onCall = never;
  const reading = frontends.map(async ({ cache }) => {
    const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
    return collect(await blob.read());
  });
  await until(() => hub.calls.includes('get-blob'));
  hub.script.onCall = undefined;
  await workers[0]!.terminate(100);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  // The readers added one job, and the worker that shut down added the other.
  assert.equal(queue.added.length, 2);
});

test('a worker that shuts down while it confirms a link does not fail the pull', async (t) => {
  const { hub, workers, frontends, index, shared } = await startTestCluster(t);
  const other = repositoryOf('docker.io', 'someone/else');
  const bytes = bytesOf(600_000);
  const digest = hub.addBlob(library.repository, bytes);
  hub.addBlob(other.repository, bytes);
  const pull = async (frontend: number, key = library) => {
    const blob = await frontends[frontend]!.cache.openBlob({ ...key, digest, intent: 'whole' });
    return collect(await blob.read());
  };
  const held = frontends[0]!.process.hold('queue.add');
  const late = pull(0, other);
  await held.reached;
  await pull(1);
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  shared.advance(4_000);
  hub.script.onCall = (call) => (call === 'head-blob' ? never() : undefined);
  held.release();
  await until(() => hub.calls.includes('head-blob'));
  hub.script.onCall = undefined;
  await workers[0]!.terminate(100);
  assert.ok((await late).equals(bytes));
  assert.equal(hub.gets.length, 1);
});
