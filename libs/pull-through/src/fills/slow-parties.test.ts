// Slow clients and slow upstreams do not delay others. Time is virtual in these tests.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { CacheError } from '@cistern/errors';
import { repositoryOf } from '@cistern/index/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { until } from '@cistern/runtime/testing';
import { readSlowly } from '../testing/read-slowly.ts';
import { type TestCacheOptions, startTestCache } from '../testing/start-test-cache.ts';

const library = repositoryOf('docker.io', 'library/nginx');
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
const withinMs = 2_000;

async function startCache(t: TestContext, options: TestCacheOptions) {
  const started = await startTestCache({ leastSegmentBytes: 256 * kibibyte, ...options });
  t.after(() => started.close());
  const { hub, cache, index } = started;
  const add = (size: number, seed: number) => {
    const bytes = bytesOf(size, seed);
    return { bytes, digest: hub.addBlob(library.repository, bytes) };
  };
  const read = async ({ digest }: ReturnType<typeof add>) => {
    const blob = await cache.openBlob({ ...library, digest, intent: 'whole' });
    return blob.read();
  };
  const isStored = async ({ digest }: ReturnType<typeof add>) => (await index.blobs.get(digest))?.verified === true;
  return { ...started, add, read, isStored };
}

test('three clients at 16 KB/s hold no spool space after their fills are committed', async (t) => {
  const { add, read, isStored, spools, hub } = await startCache(t, { spoolBytes: 7 * mebibyte });
  const blobs = [1, 2, 3].map((seed) => add(2 * mebibyte, seed));
  const slow = blobs.map(async (blob) => readSlowly(await read(blob), 16_000));
  for (const blob of blobs) await until(() => isStored(blob));
  const startedAtMs = performance.now();
  for (const other of [add(6 * mebibyte, 4), add(1_000, 5)]) {
    const stream = await read(other);
    assert.ok(performance.now() - startedAtMs <= withinMs);
    assert.ok((await collect(stream)).equals(other.bytes));
  }
  await until(() => spools.usedBytes === 0);
  assert.ok(performance.now() - startedAtMs <= 12_000, 'the spool kept stored bytes for their readers');
  for (const [at, { bytes }] of blobs.entries()) assert.ok((await slow[at]!).equals(bytes));
  assert.equal(hub.gets.length, 5);
});

const refuse = async (): Promise<never> => {
  throw new CacheError('store-unavailable', 'The store accepts no writes.');
};

test('a larger blob passes through the remaining spool while three slow clients read blobs that the store rejected', async (t) => {
  const { add, read, fills, spools } = await startCache(t, {
    spoolBytes: 7 * mebibyte,
    wrapStore: (inner) => ({ ...inner, put: refuse, beginUpload: refuse }),
  });
  const blobs = [1, 2, 3].map((seed) => add(2 * mebibyte, seed));
  const slow = blobs.map(async (blob) => readSlowly(await read(blob), 16_000));
  await until(() => fills.size === 3);
  // The fills of the slow clients retry their commits for a minute.
  await delay(60_000);
  await until(() => fills.size === 0);
  const startedAtMs = performance.now();
  const other = add(6 * mebibyte, 4);
  const stream = await read(other);
  assert.ok(performance.now() - startedAtMs <= withinMs);
  assert.ok((await collect(stream)).equals(other.bytes));
  for (const [at, { bytes }] of blobs.entries()) assert.ok((await slow[at]!).equals(bytes));
  await until(() => spools.usedBytes === 0);
});

test('a client that reads nothing delays neither fetch nor commit of a blob far larger than its part of the spool', async (t) => {
  const { add, read, isStored, spools, hub } = await startCache(t, {
    spoolBytes: 2 * mebibyte,
    perFillBytes: mebibyte,
  });
  const blob = add(24 * mebibyte, 1);
  const stream = await read(blob);
  const startedAtMs = performance.now();
  await until(() => isStored(blob));
  assert.ok(performance.now() - startedAtMs <= withinMs);
  assert.ok((await collect(stream)).equals(blob.bytes));
  assert.equal(hub.gets.length, 1);
  await until(() => spools.usedBytes === 0);
});

test('sixteen slow bodies of 65 KiB do not prevent the commit of a complete blob of 100 KiB', async (t) => {
  const uploads = new Set<string>();
  const { add, read, isStored, hub } = await startCache(t, {
    wrapStore: (inner) => ({
      ...inner,
      async put(digest, ...given) {
        uploads.add(digest);
        await inner.put(digest, ...given);
      },
    }),
  });
  const passed = Promise.withResolvers<void>();
  const complete = add(100 * kibibyte, 100);
  hub.script.onChunk = ({ digest }, position) =>
    digest !== complete.digest && position > 0 ? passed.promise : undefined;
  const slow = Array.from({ length: 16 }, (_, seed) => add(65 * kibibyte, seed + 1));
  const reading = slow.map(async (blob) => collect(await read(blob)));
  await until(() => hub.gets.length === 16 && hub.gets.every(({ sent }) => sent > 0));
  const startedAtMs = performance.now();
  assert.ok((await collect(await read(complete))).equals(complete.bytes));
  await until(() => isStored(complete));
  assert.ok(performance.now() - startedAtMs <= withinMs);
  assert.deepEqual([...uploads], [complete.digest]);
  passed.resolve();
  for (const [at, { bytes }] of slow.entries()) assert.ok((await reading[at]!).equals(bytes));
});
