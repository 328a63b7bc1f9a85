import assert from 'node:assert/strict';
import { test } from 'node:test';
import { putBytes } from '@cistern/blob-store';
import type { CacheIndex } from '@cistern/index';
import { createLogger } from '@cistern/telemetry';
import { repositoryOf } from '@cistern/index/testing';
import { startTestCache } from '../testing/start-test-cache.ts';
import { until } from '@cistern/runtime/testing';
import { bytesOf, collect } from '@cistern/oci/testing';
import { setAside } from '@cistern/content';

const library = repositoryOf('docker.io', 'library/nginx');

test('a blob that a fill stores while the index is read is not set aside', async (t) => {
  const started = await startTestCache();
  t.after(() => started.close());
  const { cache, hub, index, store, clock, metrics } = started;
  const bytes = bytesOf(100_000);
  const digest = hub.addBlob(library.repository, bytes);
  await collect(await (await cache.openBlob({ ...library, digest, intent: 'whole' })).read());
  await until(async () => (await index.blobs.get(digest)) !== undefined);
  const done = (await index.fills.read(digest))!;
  const record = (await index.blobs.get(digest))!;
  // Simulates another fill that ends after the first read.
  let looks = 0;
  const look = async <T>(now: () => Promise<T>, before: T): Promise<T> => {
    looks += 1;
    return looks === 1 ? before : now();
  };
  const seen: CacheIndex = {
    ...index,
    fills: { ...index.fills, read: (wanted) => look(() => index.fills.read(wanted), { ...done, state: 'running' }) },
    blobs: { ...index.blobs, get: (wanted, options) => look(() => index.blobs.get(wanted, options), record) },
  };
  await putBytes(store, digest, bytes);
  await index.blobs.put({ ...record, storedAtMs: record.storedAtMs + 1 });
  const log = createLogger({ level: 'error', formatter: 'json' });
  const deps = { index: seen, store, log, metrics, now: () => clock.nowMs };
  assert.equal(await setAside(deps, digest, record), false);
  assert.notEqual(await store.stat(digest), undefined);
});
