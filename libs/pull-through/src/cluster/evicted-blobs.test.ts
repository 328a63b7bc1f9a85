// Evicting, adopting, reading and committing one digest at the same time, step by step.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createLogger, createMetrics } from '@cistern/telemetry';
import { createEviction } from '../eviction/create-eviction.ts';
import { deletionLeaseMs } from '../eviction/delete-blob.ts';
import { addImage } from '../testing/image-content.ts';
import { graceMs, recount } from '../testing/start-full-cache.ts';
import { createSimulatedProcess, throughProcess } from '../testing/simulated-process.ts';
import { startTestCluster } from '../testing/start-test-cluster.ts';
import { bytesOf, collect, until } from '../testing/test-bytes.ts';
import { library } from '../testing/start-halfway.ts';

const log = createLogger({ level: 'error', formatter: 'json', destination: { write() {} } });
const bytes = bytesOf(600_000);

/** One blob is stored, read by nobody, and everything is to go. */
async function startFull(t: TestContext) {
  const cluster = await startTestCluster(t);
  const { hub, index, store, shared, frontends } = cluster;
  const digest = hub.addBlob(library.repository, bytes);
  const pull = async (frontend: number) => {
    const blob = await frontends[frontend]!.cache.openBlob({ ...library, digest, intent: 'whole' });
    return collect(await blob.read());
  };
  await pull(0);
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  await until(() => cluster.workers.every(({ fills }) => fills.size === 0));
  shared.skip(60_000);

  const startEviction = () => {
    const process = createSimulatedProcess('evictor');
    t.after(() => process.end());
    const eviction = createEviction({
      index: throughProcess(index, process),
      store: throughProcess(store, process, 'store'),
      limits: { highBytes: 0, lowBytes: 0 },
      spareMs: 0,
      log,
      metrics: createMetrics(),
      now: shared.now,
    });
    return { process, step: () => eviction.step(new AbortController().signal) };
  };
  const evictor = startEviction();
  await evictor.step();
  shared.skip(graceMs);
  return {
    ...cluster,
    digest,
    pull,
    evictor,
    startEviction,
    gets: () => hub.gets.length,
    /** The index says what is there, and nothing else. */
    async assertExact() {
      const { counted, totals, strangers } = await recount(index, store);
      assert.deepEqual([totals, strangers], [counted, []]);
    },
  };
}

test('a pull before the deletion begins keeps the blob', async (t) => {
  const { evictor, pull, gets, assertExact, store, digest } = await startFull(t);
  const held = evictor.process.hold('fills.beginDeletion');
  const evicting = evictor.step();
  await held.reached;
  assert.ok((await pull(1)).equals(bytes));
  held.release();
  await evicting;
  assert.ok((await store.stat(digest)) !== undefined);
  assert.equal(gets(), 1);
  await assertExact();
});

test('whoever asks while the blob is being deleted gets it fetched anew, once, when it is gone', async (t) => {
  for (const step of [
    'fills.beginDeletion done',
    'manifests.remove',
    'store.remove',
    'store.remove done',
    'fills.endDeletion',
  ]) {
    const { evictor, pull, gets, assertExact, index, digest } = await startFull(t);
    const held = evictor.process.hold(step);
    const evicting = evictor.step();
    await held.reached;
    const pulls = [pull(0), pull(1), pull(0)];
    await delay(100);
    assert.equal(gets(), 1, step);
    held.release();
    await evicting;
    for (const body of await Promise.all(pulls)) assert.ok(body.equals(bytes), step);
    assert.equal(gets(), 2, step);
    await until(async () => (await index.blobs.get(digest))?.verified === true);
    await assertExact();
  }
});

test('a reader that is halfway goes on to the end, whatever is deleted under it', async (t) => {
  const { evictor, frontends, hub, assertExact, index, digest, store, stored } = await startFull(t);
  const blob = await frontends[0]!.cache.openBlob({ ...library, digest, intent: 'whole' });
  const reading = await blob.read();
  const first = Buffer.from((await reading.next())!);
  // The reader's node is frozen, or cut off: it says nothing of its reading in time.
  const record = (await index.blobs.get(digest))!;
  await index.blobs.put({ ...record, state: 'evicting' });
  await evictor.step();
  stored.blobs.delete(digest);
  await until(async () => (await store.stat(digest)) === undefined);
  const rest = await collect(reading);
  assert.ok(Buffer.concat([first, rest]).equals(bytes));
  assert.ok(hub.gets.length <= 2);
  await until(async () => {
    const { counted, totals } = await recount(index, store);
    return totals.bytes === counted.bytes;
  });
  await assertExact();
});

test('an evictor that dies before it has removed the blob costs no fetch', async (t) => {
  const { evictor, pull, gets, shared, assertExact, index, digest } = await startFull(t);
  const held = evictor.process.hold('store.remove');
  evictor.step().catch(() => {});
  await held.reached;
  evictor.process.kill();
  const pulling = pull(0);
  await delay(100);
  shared.skip(deletionLeaseMs);
  assert.ok((await pulling).equals(bytes));
  assert.equal(gets(), 1);
  await until(async () => (await index.blobs.get(digest))?.state === 'present');
  await assertExact();
});

test('an evictor that dies after it has removed the blob leaves a record that the next fetch, or the next evictor, puts right', async (t) => {
  for (const next of ['fetch', 'evictor'] as const) {
    const { evictor, startEviction, pull, gets, shared, assertExact, index, digest } = await startFull(t);
    const held = evictor.process.hold('store.remove done');
    evictor.step().catch(() => {});
    await held.reached;
    evictor.process.kill();
    shared.skip(deletionLeaseMs);
    if (next === 'fetch') {
      assert.ok((await pull(0)).equals(bytes));
      assert.equal(gets(), 2);
      await until(async () => (await index.blobs.get(digest))?.state === 'present');
    } else {
      const another = startEviction();
      await another.step();
      shared.skip(graceMs);
      await another.step();
      assert.equal(await index.blobs.get(digest), undefined);
    }
    await assertExact();
  }
});

test('what a frontend adopts while it is deleted is forgotten again', async (t) => {
  const { evictor, frontends, pull, gets, assertExact, index, digest } = await startFull(t);
  const record = (await index.blobs.get(digest))!;
  await index.blobs.remove(digest);
  const held = frontends[1]!.process.hold('blobs.adopt');
  const pulling = pull(1);
  await held.reached;
  // Another node adopted it first, and it has been forgotten since.
  await index.blobs.put({ ...record, state: 'evicting' });
  await evictor.step();
  assert.equal(await index.blobs.get(digest), undefined);
  held.release();
  assert.ok((await pulling).equals(bytes));
  assert.equal(gets(), 2);
  await until(async () => (await index.blobs.get(digest))?.verified === true);
  await assertExact();
});

test('a commit and an eviction of one digest follow each other, whichever begins first', async (t) => {
  for (const step of ['fills.claim done', 'store.begin', 'store.begin.commit', 'fills.done']) {
    const { evictor, workers, pull, shared, assertExact, index, digest, stored } = await startFull(t);
    // Gone behind everybody's back: the record is there still, and on its way out.
    stored.blobs.delete(digest);
    const held = workers.map(({ process }) => process.hold(step));
    const pulling = pull(0);
    await Promise.race(held.map(({ reached }) => reached));
    const record = await index.blobs.get(digest);
    await index.blobs.put({
      ...(record ?? { schema: 1, digest, size: bytes.length, verified: true, storedAtMs: 1, lastPulledAtMs: 1 }),
      state: 'evicting',
    });
    await evictor.step();
    shared.skip(1);
    for (const { release } of held) release();
    assert.ok((await pulling).equals(bytes), step);
    await until(async () => (await index.blobs.get(digest))?.state === 'present');
    await assertExact();
  }
});

test('a manifest that is fetched while it is deleted is stored when it is gone', async (t) => {
  const { hub, index, store, shared, frontends, startEviction, assertExact, workers } = await startFull(t);
  const image = addImage(hub, { repository: library.repository, tag: 'latest', layers: [] });
  const open = (frontend: number) =>
    frontends[frontend]!.cache.openManifest({ ...library, reference: { kind: 'tag', tag: image.tag } });
  await open(0);
  shared.skip(30_000);
  const evictor = startEviction();
  await evictor.step();
  shared.skip(graceMs);
  const held = evictor.process.hold('store.remove');
  const evicting = evictor.step();
  await held.reached;
  // The blob goes beside it; what is held is the first of the two.
  const { manifest } = image;
  await until(async () => (await index.blobs.get(manifest))?.state === 'deleting');
  const late = open(1);
  await delay(100);
  held.release();
  await evicting;
  assert.equal((await late).digest, manifest);
  await until(() => workers.every(({ fills }) => fills.size === 0));
  assert.ok((await store.stat(manifest)) === undefined || (await index.blobs.get(manifest)) !== undefined);
  await assertExact();
});
