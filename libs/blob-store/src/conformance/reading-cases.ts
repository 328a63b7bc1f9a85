// Cases of reading: ranges are exact, a truncated blob never looks complete, and no byte is written outside the
// caller's buffer.
import assert from 'node:assert/strict';
import { isCacheError } from '@cistern/errors';
import type { BlobReader } from '../blob-store.ts';
import type { BlobStoreCases } from './blob-store-under-test.ts';
import { assertSameBytes, collect, openReader, readToEnd, sampleBlob, storeSample } from './sample-blob.ts';

/** Checks that a reader whose blob is damaged meanwhile reads all bytes correctly or fails. */
async function readsAllOrFails(reader: BlobReader, expected: Buffer): Promise<void> {
  try {
    assertSameBytes(await readToEnd(reader), expected);
  } catch (error) {
    if (!isCacheError(error, 'store-unavailable')) throw error;
  } finally {
    await reader.close();
  }
}

export const readingCases: BlobStoreCases = {
  async 'a blob that was never stored is absent'({ store }) {
    const { digest } = sampleBlob(10);
    assert.equal(await store.stat(digest), undefined);
    assert.equal(await store.open(digest), undefined);
    assert.equal(await store.open(digest, { start: 0, end: 1 }), undefined);
    assert.equal(await store.remove(digest), false);
    assert.deepEqual(await collect(store.list()), []);
  },

  async 'a range delivers exactly its bytes, with buffers of any size'({ store }) {
    const { digest, bytes } = await storeSample(store, 200_001);
    const ranges = [
      { start: 0, end: 0 },
      { start: 0, end: 200_000 },
      { start: 200_000, end: 200_000 },
      { start: 65_535, end: 131_073 },
      { start: 7, end: 1006 },
    ];
    for (const range of ranges) {
      for (const bufferSize of [997, 1024 * 1024]) {
        const reader = await openReader(store, digest, range);
        assert.deepEqual(
          { size: reader.size, start: reader.start, endExclusive: reader.endExclusive },
          { size: bytes.length, start: range.start, endExclusive: range.end + 1 },
        );
        assertSameBytes(await readToEnd(reader, bufferSize), bytes.subarray(range.start, range.end + 1));
        await reader.close();
      }
    }
  },

  async 'a whole blob is read from 0 to its size'({ store }) {
    const { digest, bytes } = await storeSample(store, 1234);
    const reader = await openReader(store, digest);
    assert.deepEqual(
      { size: reader.size, start: reader.start, endExclusive: reader.endExclusive },
      { size: 1234, start: 0, endExclusive: 1234 },
    );
    assertSameBytes(await readToEnd(reader, 100), bytes);
    await reader.close();
  },

  async 'an empty blob ends immediately'({ store }) {
    const { digest } = await storeSample(store, 0);
    const reader = await openReader(store, digest);
    assert.equal(reader.size, 0);
    assert.equal((await readToEnd(reader)).length, 0);
    await reader.close();
  },

  async 'a range outside the blob is rejected as range-unsatisfiable'({ store }) {
    const { digest } = await storeSample(store, 100);
    const empty = await storeSample(store, 0);
    for (const [start, end] of [
      [0, 100],
      [100, 100],
      [5, 4],
      [-1, 4],
      [0.5, 4],
      [0, Number.NaN],
    ] as const)
      await assert.rejects(store.open(digest, { start, end }), (error) => isCacheError(error, 'range-unsatisfiable'));
    await assert.rejects(store.open(empty.digest, { start: 0, end: 0 }), (error) =>
      isCacheError(error, 'range-unsatisfiable'),
    );
  },

  async 'a read writes only into the given buffer and returns the length'({ store }) {
    const { digest, bytes } = await storeSample(store, 1000);
    const reader = await openReader(store, digest, { start: 10, end: 59 });
    const memory = Buffer.alloc(300, 0xee);
    let filled = 0;
    while (filled < 50) {
      const length = await reader.read(memory.subarray(100 + filled, 200));
      assert.ok(length > 0);
      filled += length;
    }
    assert.equal(await reader.read(memory.subarray(200, 300)), 0);
    assertSameBytes(memory.subarray(100, 150), bytes.subarray(10, 60));
    assertSameBytes(memory.subarray(0, 100), Buffer.alloc(100, 0xee));
    assertSameBytes(memory.subarray(150), Buffer.alloc(150, 0xee));
    await reader.close();
  },

  async 'an empty buffer is rejected, because 0 means the end'({ store }) {
    const { digest } = await storeSample(store, 10);
    const reader = await openReader(store, digest);
    await assert.rejects(async () => reader.read(new Uint8Array(0)), RangeError);
    await reader.close();
  },

  async 'close rejects a pending read and all later reads, and can be repeated'({ store }) {
    const { digest } = await storeSample(store, 3_000_000);
    const reader = await openReader(store, digest);
    const buffer = Buffer.alloc(1024 * 1024);
    await reader.read(buffer);
    const pending = assert.rejects(reader.read(buffer));
    const closing = reader.close();
    await Promise.all([pending, closing, reader.close()]);
    await assert.rejects(async () => reader.read(buffer));
    await reader.close();
  },

  async 'many readers of one blob are independent'({ store }) {
    const { digest, bytes } = await storeSample(store, 300_000);
    await Promise.all(
      [1, 2, 3, 4, 5, 6].map(async (part) => {
        const reader = await openReader(store, digest, { start: part * 1000, end: bytes.length - part });
        assertSameBytes(await readToEnd(reader, 10_000 * part), bytes.subarray(part * 1000, bytes.length - part + 1));
        await reader.close();
      }),
    );
  },

  async 'a blob removed during a read is read correctly to the end, or fails'({ store }) {
    const { digest, bytes } = await storeSample(store, 2_000_000);
    const reader = await openReader(store, digest);
    assert.equal(await store.remove(digest), true);
    await readsAllOrFails(reader, bytes);
  },

  async 'a blob truncated during a read never ends early without a failure'({ store, truncate }) {
    const { digest, bytes } = await storeSample(store, 2_000_000);
    const reader = await openReader(store, digest);
    await truncate(digest, 70_000);
    await readsAllOrFails(reader, bytes);
  },
};
