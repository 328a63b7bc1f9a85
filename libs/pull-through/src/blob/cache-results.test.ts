// Tests the value of `X-Cache`, which shows how a request was served.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { CacheResult } from '../requests/pull-through.ts';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';

const library = repositoryOf('docker.io', 'library/nginx');

async function startCache(t: TestContext) {
  const started = await startTestCache();
  t.after(() => started.close());
  return started;
}

function count(results: readonly CacheResult[]): Partial<Record<CacheResult, number>> {
  return Object.fromEntries(
    [...new Set(results)].map((result) => [result, results.filter((other) => other === result).length]),
  );
}

test('one of many concurrent requests for a blob that is not cached is a miss, and the others are joined', async (t) => {
  const { cache, hub } = await startCache(t);
  const digest = hub.addBlob(library.repository, bytesOf(500_000));
  const blobs = await Promise.all(
    Array.from({ length: 20 }, () => cache.openBlob({ ...library, digest, intent: 'whole' })),
  );
  const streams = await Promise.all(blobs.map((blob) => blob.read()));
  assert.deepEqual(count(blobs.map(({ cache: result }) => result)), { MISS: 1, JOINED: 19 });
  assert.deepEqual(count(streams.map(({ cache: result }) => result)), { MISS: 1, JOINED: 19 });
  await Promise.all(streams.map(collect));
});

test('one of many concurrent requests for a range that is not cached is a miss, and later requests are hits', async (t) => {
  const { cache, hub, index } = await startCache(t);
  const bytes = bytesOf(500_000);
  const digest = hub.addBlob(library.repository, bytes);
  await index.links.put(library, [{ ...library, digest, kind: 'blob', size: bytes.length, mediaType: 'layer' }]);
  const blobs = await Promise.all(
    Array.from({ length: 20 }, () => cache.openBlob({ ...library, digest, intent: 'ranges' })),
  );
  const streams = await Promise.all(blobs.map((blob) => blob.read({ start: 100, end: 199 })));
  assert.deepEqual(count(streams.map(({ cache: result }) => result)), { MISS: 1, JOINED: 19 });
  for (const stream of streams) assert.ok((await collect(stream)).equals(bytes.subarray(100, 200)));
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  const late = await blobs[0]!.read({ start: 0, end: 9 });
  assert.equal(late.cache, 'HIT');
  late.close();
  assert.equal(hub.gets.length, 1);
});
