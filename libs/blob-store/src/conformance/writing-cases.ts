// How blobs come into the store: atomically, whole, by one writer or by many.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putBytes } from '../put-bytes.ts';
import type { BlobStoreCases } from './blob-store-under-test.ts';
import { assertSameBytes, collect, readWhole, sampleBlob, storeSample } from './sample-blob.ts';

export const writingCases: BlobStoreCases = {
  async 'sha512 blobs are kept beside sha256 ones'({ store }) {
    const { digest, bytes } = sampleBlob(1000, 'sha512');
    await putBytes(store, digest, bytes);
    assertSameBytes(await readWhole(store, digest), bytes);
    assert.deepEqual(
      (await collect(store.list())).map((blob) => blob.digest),
      [digest],
    );
  },

  async 'the buffer given to append may be reused once it resolves'({ store }) {
    const { digest, bytes } = sampleBlob(300_000);
    const writer = await store.begin(digest);
    const buffer = Buffer.alloc(70_000);
    for (let at = 0; at < bytes.length; at += buffer.length) {
      const length = bytes.copy(buffer, 0, at);
      await writer.append(buffer.subarray(0, length));
      buffer.fill(0xff);
    }
    await writer.commit();
    assertSameBytes(await readWhole(store, digest), bytes);
  },

  async 'nothing is visible before commit'({ store, reopen }) {
    const { digest, bytes } = sampleBlob(200_000);
    const writer = await store.begin(digest);
    await writer.append(bytes);
    for (const view of [store, await reopen()]) {
      assert.equal(await view.stat(digest), undefined);
      assert.equal(await view.open(digest), undefined);
      assert.deepEqual(await collect(view.list()), []);
    }
    await writer.commit();
    assert.deepEqual(await store.stat(digest), { size: bytes.length });
  },

  async 'abort leaves nothing and may be called again'({ store }) {
    const { digest, bytes } = sampleBlob(200_000);
    const writer = await store.begin(digest);
    await writer.append(bytes);
    await writer.abort();
    await writer.abort();
    assert.equal(await store.stat(digest), undefined);
    assert.deepEqual(await collect(store.list()), []);
    await assert.rejects(async () => writer.append(bytes));
    await assert.rejects(async () => writer.commit());
    assert.equal(await store.stat(digest), undefined);
  },

  async 'abort after commit changes nothing, and a committed writer takes no more'({ store }) {
    const { digest, bytes } = sampleBlob(1000);
    const writer = await store.begin(digest);
    await writer.append(bytes);
    await writer.commit();
    await assert.rejects(async () => writer.append(bytes));
    await assert.rejects(async () => writer.commit());
    await writer.abort();
    assertSameBytes(await readWhole(store, digest), bytes);
  },

  async 'committing a blob that exists already succeeds'({ store }) {
    const { digest, bytes } = await storeSample(store, 100_000);
    await putBytes(store, digest, bytes);
    assertSameBytes(await readWhole(store, digest), bytes);
    assert.equal((await collect(store.list())).length, 1);
  },

  async 'two writers of one digest both succeed and leave one blob'({ store, reopen }) {
    const { digest, bytes } = sampleBlob(300_000);
    const writers = await Promise.all([store.begin(digest), store.begin(digest), (await reopen()).begin(digest)]);
    for (let at = 0; at < bytes.length; at += 50_000)
      await Promise.all(writers.map(async (writer) => writer.append(bytes.subarray(at, at + 50_000))));
    await Promise.all(writers.map(async (writer) => writer.commit()));
    assertSameBytes(await readWhole(store, digest), bytes);
    assert.equal((await collect(store.list())).length, 1);
  },

  async 'one writer gives up without harm to another of the same digest'({ store }) {
    const { digest, bytes } = sampleBlob(100_000);
    const leaving = await store.begin(digest);
    const staying = await store.begin(digest);
    await leaving.append(bytes.subarray(0, 10));
    await staying.append(bytes);
    await leaving.abort();
    await staying.commit();
    assertSameBytes(await readWhole(store, digest), bytes);
  },

  async 'a blob that was cut short is replaced by the next commit'({ store, truncate }) {
    const { digest, bytes } = await storeSample(store, 100_000);
    await truncate(digest, 10);
    await putBytes(store, digest, bytes);
    assertSameBytes(await readWhole(store, digest), bytes);
  },

  async 'a finished file of the spool becomes the blob, where the store has a spool'({ store }) {
    const { spoolDirectory } = store;
    assert.equal(spoolDirectory === undefined, store.adoptFile === undefined);
    if (spoolDirectory === undefined || store.adoptFile === undefined) return;
    const { digest, bytes } = sampleBlob(100_000);
    // The second file finds the blob there already.
    for (const name of [randomUUID(), randomUUID()]) {
      const path = join(spoolDirectory, name);
      await writeFile(path, bytes);
      await store.adoptFile(digest, path);
      await assert.rejects(stat(path), { code: 'ENOENT' });
      assertSameBytes(await readWhole(store, digest), bytes);
    }
    const outside = sampleBlob(10);
    await assert.rejects(store.adoptFile(outside.digest, join(tmpdir(), randomUUID())));
    await assert.rejects(store.adoptFile(outside.digest, join(spoolDirectory, '..', randomUUID())));
    assert.equal(await store.stat(outside.digest), undefined);
  },
};
