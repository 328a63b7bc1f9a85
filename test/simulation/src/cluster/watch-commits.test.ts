import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BlobStore, bodyOf, putBytes } from '@cistern/blob-store';
import { createMemoryContents, createMemoryStore } from '@cistern/blob-store/memory';
import { digestOf } from '@cistern/oci';
import { memoryBlobs } from './stored-blobs.ts';
import { type Ending, watchCommits } from './watch-commits.ts';

const bytes = Buffer.from('a blob');
const digest = digestOf(bytes);

function openWatched(spoil: (store: BlobStore) => BlobStore = (store) => store) {
  const contents = createMemoryContents();
  const stored = memoryBlobs(contents);
  const seen: boolean[] = [];
  const endings: Ending[] = [];
  const store = watchCommits(spoil(createMemoryStore({ contents })), stored, {
    onCommitted: (_digest, isThere) => void seen.push(isThere),
    onEnding: (ending) => void endings.push(ending),
  });
  return { store, stored, seen, endings };
}

/** A store that runs `commit` around each put of a blob and each completion of an upload. */
const committing = (commit: (commitWell: () => Promise<void>) => Promise<void>) => (store: BlobStore) => ({
  ...store,
  put: (...args: Parameters<BlobStore['put']>) => commit(() => store.put(...args)),
  async beginUpload(...args: Parameters<BlobStore['beginUpload']>) {
    const upload = await store.beginUpload(...args);
    return { ...upload, complete: () => commit(upload.complete) };
  },
});

/** Stores the blob by a put, then by an upload. */
async function bring(store: BlobStore, content = bytes): Promise<void> {
  await putBytes(store, digest, content);
  const upload = await store.beginUpload(digest, { size: content.length, segmentBytes: content.length });
  await upload.put(0, bodyOf(content));
  await upload.complete();
}

test('a commit that made the blob visible is reported as such', async () => {
  const { store, seen } = openWatched();
  await bring(store);
  assert.deepEqual(seen, [true, true]);
});

test('a commit that resolves without the blob, or with a part of it, is reported', async () => {
  const none = openWatched(committing(async () => {}));
  await bring(none.store);
  assert.deepEqual(none.seen, [false, false]);
  const part = openWatched();
  await bring(part.store, bytes.subarray(1));
  assert.deepEqual(part.seen, [false, false]);
});

test('a commit that rejects reports no blob', async () => {
  const { store, seen } = openWatched(committing(() => Promise.reject(new Error('no'))));
  await assert.rejects(putBytes(store, digest, bytes), /no/);
  assert.deepEqual(seen, []);
});

test('a blob that is lost during its commit counts as stored', async () => {
  const watched = openWatched(
    committing(async (commitWell) => {
      await commitWell();
      watched.stored.damage(digest, undefined);
    }),
  );
  await putBytes(watched.store, digest, bytes);
  assert.deepEqual(watched.seen, [true]);
});

test('a commit and an abort are reported with the upload when they begin', async () => {
  const { store, endings } = openWatched(
    committing(async () => {
      assert.equal(endings.at(-1)?.kind, 'commit');
    }),
  );
  await bring(store);
  const dropped = await store.beginUpload(digest, { size: 1, segmentBytes: 1 });
  await dropped.abort();
  assert.deepEqual(
    endings.map(({ kind }) => kind),
    ['commit', 'commit', 'abort'],
  );
  assert.equal(endings.at(-1)?.uploadId, dropped.id);
});
