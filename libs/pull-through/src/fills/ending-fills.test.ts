// A fill frees its spool space, however it ends. Readers of verified bytes continue.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type TestContext, test } from 'node:test';
import type { BlobStore } from '@cistern/blob-store';
import { CacheError, isCacheError } from '@cistern/errors';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';
import { wrapCommits } from '../testing/wrap-commits.ts';
import { repositoryOf } from '@cistern/index/testing';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');
const mebibyte = 1024 * 1024;

async function startCache(t: TestContext, options: TestCacheOptions = {}) {
  const started = await startTestCache(options);
  t.after(() => started.close());
  return started;
}

/** Wraps a store so that it rejects all commits. */
function refuseBlobs(inner: BlobStore, onRefused: () => void): BlobStore {
  const refuse = async (): Promise<never> => {
    onRefused();
    throw new CacheError('store-unavailable', 'The disk is full.');
  };
  return wrapCommits(inner, refuse);
}

test('a worker that shuts down ends fills that serve only ranges, with or without readers', async (t) => {
  const { cache, hub, workers, fills, spools, pool, reads } = await startCache(t, { maxWholeForRangeBytes: mebibyte });
  const open = (seed: number) => {
    const digest = hub.addBlob(library.repository, bytesOf(10 * mebibyte, seed));
    return cache.openBlob({ ...library, digest, intent: 'ranges' });
  };
  const [read, left] = [await open(1), await open(2)];
  hub.script.gated = true;
  hub.allow(20);
  await collect(await left.read({ start: 0, end: 9 }));
  await collect(await read.read({ start: 0, end: 9 }));
  const waiting = read.read({ start: 5 * mebibyte, end: 5 * mebibyte + 9 });
  await until(() => hub.gets.length === 3);
  assert.equal(fills.size, 2);
  const closed = workers.close(0);
  await assert.rejects(waiting, (error) => isCacheError(error, 'overloaded'));
  await until(() => fills.size === 0 && spools.usedBytes === 0);
  await closed;
  assert.deepEqual([reads.windows, pool.usedBytes], [0, 0]);
});

test('a fill that serves only ranges ends without failure after half a minute without readers', async (t) => {
  const { cache, hub, index, fills, spools, metrics } = await startCache(t, { maxWholeForRangeBytes: mebibyte });
  const bytes = bytesOf(10 * mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  const blob = await cache.openBlob({ ...library, digest, intent: 'ranges' });
  const stream = await blob.read({ start: 0, end: 9 });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  stream.close();
  t.mock.timers.tick(29_000);
  assert.ok((await collect(await blob.read({ start: 100, end: 109 }))).equals(bytes.subarray(100, 110)));
  t.mock.timers.tick(29_000);
  assert.equal(fills.size, 1);
  t.mock.timers.tick(1_000);
  t.mock.timers.reset();
  // A read at this moment starts another fill.
  assert.ok((await collect(await blob.read({ start: 200, end: 209 }))).equals(bytes.subarray(200, 210)));
  assert.equal(fills.size, 1);
  assert.ok(
    (await collect(await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read())).equals(bytes),
  );
  await until(() => fills.size === 0 && spools.usedBytes === 0);
  assert.equal((await index.fills.read(digest))?.state, 'done');
  assert.match(await metrics.registry.metrics(), /cistern_fills_total\{class="interactive",result="failed"\} 0/);
});

for (const store of ['memory', 'fs'] as const)
  test(`a verified blob is read to its end although it cannot be stored and the worker shuts down (${store})`, async (t) => {
    let refused = 0;
    const wrapStore = (inner: BlobStore) => refuseBlobs(inner, () => (refused += 1));
    const { cache, hub, workers, fills, spools } = await startCache(t, { store, wrapStore });
    const bytes = bytesOf(6 * mebibyte);
    const digest = hub.addBlob(library.repository, bytes);
    const stream = await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read();
    const begin = Buffer.from((await stream.next())!);
    await until(() => refused > 0);
    await workers.close(0);
    await until(() => fills.size === 0);
    assert.equal(spools.usedBytes, bytes.length);
    assert.ok(Buffer.concat([begin, await collect(stream)]).equals(bytes));
    await until(() => spools.usedBytes === 0);
  });

test('a store that accepts a blob at the second try gets it without a second request to upstream', async (t) => {
  let tries = 0;
  const { cache, hub, store } = await startCache(t, {
    store: 'fs',
    wrapStore: (inner) =>
      wrapCommits(inner, async (commit) => {
        tries += 1;
        if (tries === 1) throw new CacheError('store-unavailable', 'The disk is full.');
        await commit();
      }),
  });
  const bytes = bytesOf(mebibyte);
  const digest = hub.addBlob(library.repository, bytes);
  const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
  assert.ok((await collect(await blob.read())).equals(bytes));
  await until(async () => (await store.stat(digest))?.size === bytes.length);
  assert.equal(hub.gets.length, 1);
});

test('blobs of all edge-case sizes are served whole, as misses and as hits', async (t) => {
  const { cache, hub, index, fills } = await startCache(t, { store: 'fs' });
  const chunk = 256 * 1024;
  for (const size of [
    0,
    1,
    2,
    65_535,
    65_536,
    65_537,
    chunk - 1,
    chunk,
    chunk + 1,
    2 * chunk,
    8 * chunk,
    mebibyte + 1,
  ]) {
    const bytes = bytesOf(size, size + 1);
    const digest = hub.addBlob(library.repository, bytes);
    for (const expected of ['MISS', 'HIT']) {
      const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
      assert.deepEqual([blob.size, blob.cache], [size, expected]);
      assert.ok((await collect(await blob.read())).equals(bytes), `${expected} of ${size} bytes`);
      await until(async () => (await index.blobs.get(digest)) !== undefined && fills.size === 0);
    }
  }
});

test('a full disk ends a fill with store-unavailable, and the fill leaves nothing', async () => {
  const script = fileURLToPath(import.meta.resolve('./fixtures/fill-a-full-disk.ts'));
  // The shell limits the size of files, in blocks of 512 bytes, for itself and the program that it executes.
  const limited = ['-c', 'ulimit -f 400; exec "$0" "$@"', process.execPath, script];
  const { stdout } = await promisify(execFile)('/bin/sh', limited);
  assert.deepEqual(JSON.parse(stdout), {
    whole: 'store-unavailable',
    ahead: 'right',
    small: 'right',
    fills: 0,
    spoolBytes: 0,
    windows: 0,
    buffers: 0,
  });
});
