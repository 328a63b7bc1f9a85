import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BlobStore, putBytes } from '@cistern/blob-store';
import { createMemoryContents, createMemoryStore } from '@cistern/blob-store/memory';
import { digestOf } from '@cistern/oci';
import { memoryBlobs } from './stored-blobs.ts';
import { watchCommits } from './watch-commits.ts';

const bytes = Buffer.from('a blob');
const digest = digestOf(bytes);

function openWatched(spoil: (store: BlobStore) => BlobStore = (store) => store) {
  const contents = createMemoryContents();
  const stored = memoryBlobs(contents);
  const seen: boolean[] = [];
  const store = watchCommits(spoil(createMemoryStore({ contents })), stored, (_digest, isThere) => seen.push(isThere));
  return { store, stored, seen };
}

/** A store whose writers commit as `commit` does it. */
const committing = (commit: (commitWell: () => Promise<void>) => Promise<void>) => (store: BlobStore) => ({
  ...store,
  begin: async (name: typeof digest) => {
    const writer = await store.begin(name);
    return { ...writer, commit: () => commit(writer.commit) };
  },
});

test('a commit that made the blob visible is seen as such', async () => {
  const { store, seen } = openWatched();
  await putBytes(store, digest, bytes);
  assert.deepEqual(seen, [true]);
});

test('a commit that resolves without the blob, or with a part of it, is seen', async () => {
  const none = openWatched(committing(async () => {}));
  await putBytes(none.store, digest, bytes);
  assert.deepEqual(none.seen, [false]);
  const part = openWatched();
  await putBytes(part.store, digest, bytes.subarray(1));
  assert.deepEqual(part.seen, [false]);
});

test('a commit that rejects claims nothing', async () => {
  const { store, seen } = openWatched(committing(() => Promise.reject(new Error('no'))));
  await assert.rejects(putBytes(store, digest, bytes), /no/);
  assert.deepEqual(seen, []);
});

test('a blob that is lost while its commit is under way counts as there', async () => {
  const watched = openWatched(
    committing(async (commitWell) => {
      await commitWell();
      watched.stored.damage(digest, undefined);
    }),
  );
  await putBytes(watched.store, digest, bytes);
  assert.deepEqual(watched.seen, [true]);
});
