import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf, mediaTypes } from '@cistern/oci';
import { storeManifest } from './store-manifest.ts';

test('a manifest is recorded in the index only after the store has accepted it', async () => {
  const config = { mediaType: 'application/x', digest: digestOf(Buffer.from('')), size: 0 };
  const bytes = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [] }),
  );
  const digest = digestOf(bytes);
  const index = createTestIndex({ now: () => 0 });
  const store = createMemoryStore();
  let isUnavailable = true;
  const put: typeof store.put = async (...given) => {
    if (isUnavailable) throw new CacheError('store-unavailable', 'The store is unavailable.', { retryable: true });
    return store.put(...given);
  };
  const known = async () =>
    [await index.manifests.get(digest), await index.blobs.get(digest)].map((found) => found?.size);
  const deps = { index, store: { ...store, put }, now: () => 0 };
  const manifest = { bytes, mediaType: mediaTypes.ociManifest };
  const storeSample = () => storeManifest(deps, repositoryOf('docker.io', 'library/nginx'), digest, manifest);
  await assert.rejects(storeSample, (error) => isCacheError(error, 'store-unavailable'));
  assert.deepEqual(await known(), [undefined, undefined]);
  isUnavailable = false;
  await storeSample();
  assert.deepEqual(await known(), [bytes.length, bytes.length]);
});
