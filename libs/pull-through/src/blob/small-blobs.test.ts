import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { CacheError } from '@cistern/errors';
import type { Digest } from '@cistern/oci';
import { addSampleImage } from '@cistern/upstream/testing';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { bytesOf, collect } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';

const denied = new CacheError('denied', 'Denied.');
const library = repositoryOf('docker.io', 'library/nginx');

async function start(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  const { cache, fills, hub } = started;
  /** Pulls a blob and waits until it is stored. */
  const pull = async (digest: Digest, repository = library) => {
    const bytes = await collect(await (await cache.openBlob({ ...repository, digest, intent: 'whole' })).read());
    await until(() => fills.size === 0);
    return bytes;
  };
  const fromMemory = (digest: Digest, repository = library) =>
    cache.blobFromMemory({ ...repository, digest, intent: 'whole' });
  const add = (length: number) => {
    const bytes = bytesOf(length, length);
    return { bytes, digest: hub.addBlob(library.repository, bytes) };
  };
  return { ...started, pull, fromMemory, add };
}

test('a small blob is served from memory after a read, to repositories that hold it, until it is removed', async (t) => {
  const { add, pull, fromMemory, index, clock } = await start(t);
  const { bytes, digest } = add(5000);
  assert.equal(fromMemory(digest), undefined);
  await pull(digest);
  await pull(digest);
  assert.deepEqual(fromMemory(digest), { digest, size: 5000, cache: 'HIT', bytes });
  clock.nowMs += 7000;
  fromMemory(digest);
  assert.equal((await index.blobs.get(digest))?.lastPulledAtMs, clock.nowMs);
  assert.equal(fromMemory(digest, repositoryOf('docker.io', 'library/other')), undefined);
  await index.fills.beginDeletions([{ digest, lastPulledAtMs: clock.nowMs }], 'evictor', 60_000);
  assert.equal(fromMemory(digest), undefined);
  await index.blobs.remove(digest);
  assert.equal(fromMemory(digest), undefined);
});

test('a large blob, and a request with a platform rule, are not served from memory', async (t) => {
  const { add, pull, fromMemory, cache, hub } = await start(t);
  const { digest } = add(70_000);
  await pull(digest);
  await pull(digest);
  assert.equal(fromMemory(digest), undefined);
  const { parts } = addSampleImage(hub, library.repository, '1', { seed: 1 });
  const [blob] = Object.values(parts)[0]?.blobs ?? assert.fail();
  await pull(blob!);
  await pull(blob!);
  assert.notEqual(fromMemory(blob!), undefined);
  assert.equal(
    cache.blobFromMemory({ ...library, digest: blob!, intent: 'whole', platformRule: () => denied }),
    undefined,
  );
});
