// Cases of `put` and `adoptFile`: blobs are durable, appear atomically, and have exactly the bytes of the body.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { putBytes } from '../put-bytes.ts';
import type { BlobStoreCases } from './blob-store-under-test.ts';
import { assertSameBytes, collect, readWhole, sampleBlob, storeSample } from './sample-blob.ts';
import { badBody, failAtEnd, getStuck, inChunks } from './sample-upload.ts';

export const puttingCases: BlobStoreCases = {
  async 'blobs of every size are read back byte for byte, also after a restart'({ store, reopen }) {
    const samples = [0, 1, 64 * 1024 + 1, 5 * 1024 * 1024 + 3].map((size) => sampleBlob(size));
    for (const { digest, bytes } of samples) await store.put(digest, inChunks(bytes));
    const again = await reopen();
    for (const { digest, bytes } of samples) {
      assert.deepEqual(await store.stat(digest), { size: bytes.length });
      assertSameBytes(await readWhole(store, digest), bytes);
      assertSameBytes(await readWhole(again, digest), bytes);
    }
  },

  async 'a put with a failing, short or long body rejects with the error of the body, and no blob is visible'({
    store,
  }) {
    const { digest, bytes } = sampleBlob(300_000);
    for (const [given, atEnd, error] of [
      [0, failAtEnd, /the disk of the caller/],
      [200_000, failAtEnd, /the disk of the caller/],
      [300_000, failAtEnd, /the disk of the caller/],
      [200_000, undefined, RangeError],
      [300_004, undefined, RangeError],
    ] as const) {
      const { body, seen } = badBody(bytes, given, atEnd);
      await assert.rejects(store.put(digest, body), error);
      assert.deepEqual(seen, { opened: 1, ended: 1 });
      assert.equal(await store.stat(digest), undefined);
      assert.deepEqual(await collect(store.list()), []);
    }
    await store.put(digest, inChunks(bytes));
    assertSameBytes(await readWhole(store, digest), bytes);
  },

  async 'a failing body leaves the existing blob unchanged'({ store }) {
    const { digest, bytes } = await storeSample(store, 300_000);
    await assert.rejects(store.put(digest, badBody(bytes, 100).body), RangeError);
    assertSameBytes(await readWhole(store, digest), bytes);
  },

  async 'an aborted put rejects immediately with the reason of its signal, and no blob is visible'({ store }) {
    const { digest, bytes } = sampleBlob(300_000);
    const leaving = new AbortController();
    const { body, seen } = badBody(bytes, 200_000, getStuck);
    const left = assert.rejects(store.put(digest, body, leaving.signal), /left/);
    while (seen.opened === 0) await new Promise(setImmediate);
    leaving.abort(new Error('left'));
    await left;
    await assert.rejects(store.put(digest, inChunks(bytes), leaving.signal), /left/);
    assert.equal(await store.stat(digest), undefined);
    await store.put(digest, inChunks(bytes));
    assertSameBytes(await readWhole(store, digest), bytes);
  },

  async 'concurrent puts of one digest all succeed and leave one blob'({ store, reopen }) {
    const { digest, bytes } = sampleBlob(300_000);
    const other = await reopen();
    await Promise.all([store, store, other].map((one) => one.put(digest, inChunks(bytes))));
    assertSameBytes(await readWhole(store, digest), bytes);
    assert.equal((await collect(store.list())).length, 1);
  },

  async 'sha512 blobs are stored separately from sha256 ones'({ store }) {
    const { digest, bytes } = sampleBlob(1000, 'sha512');
    await putBytes(store, digest, bytes);
    assertSameBytes(await readWhole(store, digest), bytes);
    assert.deepEqual(
      (await collect(store.list())).map((blob) => blob.digest),
      [digest],
    );
  },

  async 'a put of an existing blob succeeds'({ store }) {
    const { digest, bytes } = await storeSample(store, 100_000);
    await putBytes(store, digest, bytes);
    assertSameBytes(await readWhole(store, digest), bytes);
    assert.equal((await collect(store.list())).length, 1);
  },

  async 'the next put replaces a truncated blob'({ store, truncate }) {
    const { digest, bytes } = await storeSample(store, 100_000);
    await truncate(digest, 10);
    await putBytes(store, digest, bytes);
    assertSameBytes(await readWhole(store, digest), bytes);
  },

  async 'a finished file of the spool becomes the blob, if the store has a spool'({ store }) {
    const { spoolDirectory } = store;
    assert.equal(spoolDirectory === undefined, store.adoptFile === undefined);
    if (spoolDirectory === undefined || store.adoptFile === undefined) return;
    const { digest, bytes } = sampleBlob(100_000);
    // For the second file the blob exists already.
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
