import '../virtual-time.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BlobStore, putBytes, readBytes } from '@cistern/blob-store';
import { createMemoryStore } from '@cistern/blob-store/memory';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { openSimulatedBucket } from '../s3/fixtures/open-simulated-bucket.ts';
import { createObjectFaults, isAmong, type ObjectFaults, withObjectFaults } from './object-faults.ts';
import { keyOf } from './stored-blobs.ts';

const bytes = Buffer.from('one blob');
const other = Buffer.from('another blob');
const objectKey = 'cistern/state/one.json';

const isUnavailable = (error: unknown) => isCacheError(error, 'store-unavailable');

async function harmsOne(store: BlobStore, faults: ObjectFaults): Promise<void> {
  const digest = digestOf(bytes);
  const isHarmed = (key: string) => key === keyOf(digest) || key === objectKey;
  for (const content of [bytes, other]) await putBytes(store, digestOf(content), content);
  await store.writeObject(objectKey, bytes);

  faults.isUnreadable = isHarmed;
  await assert.rejects(readBytes(store, digest, bytes.length), isUnavailable);
  await assert.rejects(store.readObject(objectKey), isUnavailable);
  assert.deepEqual(await readBytes(store, digestOf(other), other.length), other);
  faults.isUnreadable = () => false;

  faults.isUndeletable = isHarmed;
  await assert.rejects(store.remove(digest), isUnavailable);
  await assert.rejects(store.quarantine(digest, 0), isUnavailable);
  await assert.rejects(store.removeObject(objectKey), isUnavailable);
  assert.equal(await store.remove(digestOf(other)), true);
  faults.isUndeletable = () => false;

  assert.deepEqual(await readBytes(store, digest, bytes.length), bytes);
  assert.equal(await store.remove(digest), true);
  assert.equal(await store.removeObject(objectKey), true);
}

test('single objects of a store in memory can be neither read nor removed', async () => {
  const faults = createObjectFaults();
  await harmsOne(withObjectFaults(createMemoryStore(), faults), faults);
});

test('single objects of a bucket can be neither read nor removed', async (t) => {
  const { s3, open } = await openSimulatedBucket(t);
  await harmsOne(await open(), s3.objectFaults);
});

test('a share of all keys is harmed, and another salt selects another share', () => {
  const keys = Array.from({ length: 1_000 }, (_, i) => `docker/registry/v2/blobs/sha256/aa/${i}/data`);
  const harmed = (salt: number) => keys.filter((key) => isAmong(key, 0.2, salt));
  assert.ok(harmed(1).length > 100 && harmed(1).length < 300);
  assert.notDeepEqual(harmed(1), harmed(2));
  assert.deepEqual(harmed(1), harmed(1));
});
