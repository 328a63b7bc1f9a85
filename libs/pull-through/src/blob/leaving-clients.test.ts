// Clients may disconnect at any moment. Then nothing waits for them, and their resources are freed.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const left = new Error('the client has left');
const isLeft = (error: unknown) => error === left;

async function startCache(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  return started;
}

test('a client that leaves before upstream responds is released immediately, with all of its resources', async (t) => {
  const { cache, hub, index, pool, reads } = await startCache(t);
  const bytes = bytesOf(300_000);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length, confirmed: true }]);
  const answer = Promise.withResolvers<void>();
  hub.script.onCall = () => answer.promise;
  for (const intent of ['whole', 'ranges'] as const) {
    const leaving = new AbortController();
    const { signal } = leaving;
    const reading = cache.openBlob({ ...library, digest, intent, signal }).then((blob) => blob.read());
    await until(() => hub.calls.length === 1 && (intent === 'whole' || reads.windows === 1));
    leaving.abort(left);
    await assert.rejects(reading, isLeft);
    assert.deepEqual([reads.windows, pool.usedBytes], [0, 0]);
  }
  answer.resolve();
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  assert.equal(hub.gets.length, 1);
});

test('a client that leaves a stalled fill frees its window, buffer and follower', async (t) => {
  const { cache, hub, pool, reads, fills, spools } = await startCache(t);
  const bytes = bytesOf(3_000_000);
  const digest = hub.addBlob(library.repository, bytes);
  hub.script.gated = true;
  hub.allow(200_000);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  const stream = await blob.read();
  const reading = collect(stream);
  await until(() => pool.usedBytes > 0 && hub.gets[0]?.sent === 200_000);
  stream.close();
  await assert.rejects(reading, /closed/);
  assert.equal(reads.windows, 0);
  await until(() => pool.usedBytes === 0);
  const leaving = new AbortController();
  const stuck = await cache.openBlob({ ...library, digest, intent: 'ranges', signal: leaving.signal });
  hub.script.ranges = false;
  const waiting = stuck.read({ start: 2_000_000, end: 2_000_009 });
  await until(() => reads.windows === 1);
  leaving.abort(left);
  await assert.rejects(waiting, isLeft);
  await until(() => reads.windows === 0 && pool.usedBytes === 0);
  hub.allow(bytes.length);
  await until(() => fills.size === 0 && spools.usedBytes === 0);
});
