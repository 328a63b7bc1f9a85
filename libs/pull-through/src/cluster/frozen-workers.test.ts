// A worker wakes up after its lease has expired. It does not end a fill that another worker has taken over, fetches no more, and
// sends its readers to that worker.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { library, startHalfway } from '../testing/start-halfway.ts';
import { startTestCluster } from '../testing/start-test-cluster.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const leaseMs = 4_000;

test('a worker that wakes up after its fill was taken over hands over its readers and fetches no more', async (t) => {
  const started = await startHalfway(t);
  const { hub, workers, read, bytes, size, shared, index, digest } = started;
  const reading = [0, 1, 0].map((frontend) => read(frontend).then(collect));
  await started.halfway();
  await workers[0]!.freeze();
  shared.advance(leaseMs);
  await until(async () => (await index.fills.read(digest))?.address === workers[1]!.address);
  await workers[0]!.wake();
  // The readers are still connected to the worker, because its silence was too short for a timeout.
  await until(() => workers[0]!.fills.size === 0 || hub.gets[0]!.closed);
  hub.allow(3 * size);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  assert.ok(hub.gets[0]!.sent < size, 'the first worker continued to fetch');
  await started.nothingLeft();
});

test('readers leave a frozen worker and get the rest from another', { timeout: 60_000 }, async (t) => {
  const started = await startHalfway(t);
  const { hub, workers, read, bytes, size } = started;
  const reading = [0, 1].map((frontend) => read(frontend).then(collect));
  await started.halfway();
  await workers[0]!.freeze();
  hub.allow(3 * size);
  for (const body of await Promise.all(reading)) assert.ok(body.equals(bytes));
  await workers[0]!.wake();
  await started.nothingLeft();
});

test('a worker that wakes up after the blob was stored does not fetch again', async (t) => {
  const started = await startHalfway(t);
  const { hub, workers, read, bytes, size, shared, index, digest, stored } = started;
  const reading = read(0).then(collect);
  await started.halfway();
  await workers[0]!.freeze();
  shared.advance(leaseMs);
  hub.allow(3 * size);
  assert.ok((await reading).equals(bytes));
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  const { storedAtMs } = (await index.blobs.get(digest))!;
  const { modifiedAtMs } = stored.blobs.get(digest)!;
  shared.advance(leaseMs);
  await workers[0]!.wake();
  await started.nothingLeft();
  assert.ok(hub.gets[0]!.sent < size, 'the worker continued to fetch a stored blob');
  assert.equal(stored.blobs.get(digest)!.modifiedAtMs, modifiedAtMs);
  assert.equal((await index.blobs.get(digest))!.storedAtMs, storedAtMs);
  await delay(50);
  assert.notEqual((await index.fills.read(digest))?.state, 'running');
});

test('two owners that both finish leave one record and the right bytes', async (t) => {
  for (const step of ['store.beginUpload.complete', 'fills.done', 'fills.done done']) {
    const { hub, workers, frontends, shared, index, stored } = await startTestCluster(t);
    const bytes = bytesOf(2_500_000);
    const digest = hub.addBlob(library.repository, bytes);
    const held = workers[0]!.process.hold(step);
    const read = async () => {
      const blob = await frontends[0]!.cache.openBlob({ ...library, digest, intent: 'whole' });
      return collect(await blob.read());
    };
    const reading = read();
    await held.reached;
    await workers[0]!.freeze();
    shared.advance(leaseMs);
    const again = frontends[1]!.cache.openBlob({ ...library, digest, intent: 'whole' });
    assert.ok((await collect(await (await again).read())).equals(bytes), step);
    await until(async () => (await index.blobs.get(digest)) !== undefined);
    await workers[0]!.wake();
    held.release();
    assert.ok((await reading).equals(bytes), step);
    await until(() => workers.every(({ fills }) => fills.size === 0));
    assert.equal((await index.blobs.get(digest))?.verified, true, step);
    assert.ok(Buffer.from(stored.blobs.get(digest)!.bytes).equals(bytes), step);
    const record = await index.fills.read(digest);
    assert.ok(record === undefined || record.state === 'done', `${step}: ${record?.state}`);
  }
});
