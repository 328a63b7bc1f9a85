import assert from 'node:assert/strict';
import test from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { createMemoryContents, createMemoryStore } from './memory/create-memory-store.ts';
import { putBytes, readBytes } from './put-bytes.ts';

test('readBytes reads a blob that putBytes has stored, and rejects a blob above its limit', async () => {
  const store = createMemoryStore();
  const bytes = Buffer.from('manifest');
  const digest = digestOf(bytes);
  assert.equal(await readBytes(store, digest, 100), undefined);
  await putBytes(store, digest, bytes);
  assert.deepEqual(await readBytes(store, digest, bytes.length), bytes);
  await assert.rejects(readBytes(store, digest, bytes.length - 1), (error) => isCacheError(error, 'content-mismatch'));
});

test('a failed putBytes leaves no blob', async () => {
  const contents = createMemoryContents();
  const store = createMemoryStore({ contents });
  const bytes = Buffer.from('manifest');
  contents.failing = true;
  await assert.rejects(putBytes(store, digestOf(bytes), bytes), (error) => isCacheError(error, 'store-unavailable'));
  contents.failing = false;
  assert.equal(await store.stat(digestOf(bytes)), undefined);
});
