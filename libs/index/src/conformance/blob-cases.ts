// Cases of blob records, manifest records and totals.
import assert from 'node:assert/strict';
import { type Digest, digestHex } from '@cistern/oci';
import type { BlobRecord } from '../blobs.ts';
import type { CacheIndexCases } from './index-under-test.ts';
import {
  assertFromMemory,
  assertSameRecord,
  claimed,
  sampleBlobRecord,
  sampleClaim,
  sampleDigest,
  sampleManifest,
} from './sample-records.ts';

/** Returns a digest of a shard. */
function digestIn(shard: string): Digest {
  return `sha256:${shard}${'0'.repeat(62)}` as Digest;
}

export const blobCases: CacheIndexCases = {
  async 'a blob record is absent, then as written, then absent after removal'({ index: { blobs } }) {
    const record = sampleBlobRecord('a', { verified: false });
    assert.equal(await blobs.get(record.digest), undefined);
    assert.equal(await blobs.remove(record.digest), false);
    await blobs.put(record);
    assertSameRecord(await blobs.get(record.digest), record);
    const changed = { ...record, size: 5, state: 'deleting', storedAtMs: 7, lastPulledAtMs: 2e12 } as const;
    await blobs.put(changed);
    assertSameRecord(await blobs.get(record.digest), changed);
    assert.equal(await blobs.remove(record.digest), true);
    assert.equal(await blobs.remove(record.digest), false);
    assert.equal(await blobs.get(record.digest), undefined);
  },

  async 'totals count every record one time, also after replacements and removals'({ index: { blobs } }) {
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
    await blobs.put(sampleBlobRecord('a'));
    await blobs.put(sampleBlobRecord('b', { size: 7, state: 'deleting' }));
    await blobs.put(sampleBlobRecord('c', { digest: sampleDigest('c', 'sha512'), size: 0 }));
    assert.deepEqual(await blobs.totals(), { blobs: 3, bytes: 20_000_000_007 });
    await blobs.put(sampleBlobRecord('a', { size: 100 }));
    assert.deepEqual(await blobs.totals(), { blobs: 3, bytes: 107 });
    await blobs.remove(sampleDigest('b'));
    await blobs.remove(sampleDigest('b'));
    assert.deepEqual(await blobs.totals(), { blobs: 2, bytes: 100 });
  },

  async 'shards are listed in order, with the current records whose digests begin with them, of both algorithms'({
    index: { blobs },
  }) {
    const records = Array.from({ length: 60 }, (_, at) =>
      sampleBlobRecord(`${at}`, { digest: sampleDigest(`${at}`, at % 2 === 0 ? 'sha256' : 'sha512'), size: at }),
    );
    for (const record of records) await blobs.put(record);
    const touched = records[0]!;
    await blobs.touch(touched.digest, 9e12);
    const listed = await Array.fromAsync(blobs.shards(0));
    assert.deepEqual(
      listed.map(({ shard }) => Number.parseInt(shard, 16)),
      Array.from({ length: 256 }, (_, position) => position),
    );
    for (const { shard, records: found } of listed) {
      const expected = records.filter(({ digest }) => digestHex(digest).startsWith(shard));
      assert.deepEqual(
        new Map(found.map(({ digest, size }) => [digest, size])),
        new Map(expected.map(({ digest, size }) => [digest, size])),
      );
      const first = found.find(({ digest }) => digest === touched.digest);
      if (first !== undefined) assert.equal(first.lastPulledAtMs, 9e12);
    }
    for (const first of [1, 17, 130, 255])
      assert.deepEqual(
        await Array.fromAsync(blobs.shards(first), ({ shard, records: { length } }) => [shard, length]),
        listed.slice(first).map(({ shard, records: { length } }) => [shard, length]),
      );
  },

  async 'a listing of shards shows changes of the shards that were not listed yet'({ index: { blobs } }) {
    const put = (start: string, size = 1) => blobs.put(sampleBlobRecord(start, { digest: digestIn(start), size }));
    for (const start of ['00', 'f0', 'f1', 'f2']) await put(start);
    const found: [Digest, number][] = [];
    for await (const { shard, records } of blobs.shards(0)) {
      for (const { digest, size } of records) found.push([digest, size]);
      if (shard !== '00') continue;
      await blobs.remove(digestIn('f0'));
      await put('f1', 7);
    }
    assert.deepEqual(found, [
      [digestIn('00'), 1],
      [digestIn('f1'), 7],
      [digestIn('f2'), 1],
    ]);
  },

  async 'a shard of many records is listed completely'({ index: { blobs } }) {
    const digests = Array.from({ length: 600 }, (_, at) => `sha256:ab${String(at).padStart(62, '0')}` as Digest);
    await Promise.all(digests.map((digest, at) => blobs.put(sampleBlobRecord('a', { digest, size: at }))));
    const { value } = await blobs.shards(0xab)[Symbol.asyncIterator]().next();
    assert.deepEqual(value.records.map(({ digest }: BlobRecord) => digest).toSorted(), digests);
  },

  async 'adopt adds a missing record, which is counted one time, and changes no existing record'({ index: { blobs } }) {
    const adopted = sampleBlobRecord('a', { verified: false, size: 7 });
    assert.equal(await blobs.adopt(adopted), true);
    assert.equal(await blobs.adopt(sampleBlobRecord('a', { size: 9 })), false);
    assertSameRecord(await blobs.get(adopted.digest), adopted);
    await blobs.put(sampleBlobRecord('b', { size: 5, lastPulledAtMs: 1 }));
    assert.equal(await blobs.adopt(sampleBlobRecord('b', { verified: false, size: 6 })), false);
    assertSameRecord(await blobs.get(sampleDigest('b')), sampleBlobRecord('b', { size: 5, lastPulledAtMs: 1 }));
    assert.deepEqual(await blobs.totals(), { blobs: 2, bytes: 12 });
  },

  async "an empty blob's record is added and removed like any other"({ index: { blobs, fills } }) {
    const empty = sampleBlobRecord('a', { size: 0, lastPulledAtMs: 1 });
    await blobs.put(empty);
    assert.equal(await blobs.remove(empty.digest), true);
    await blobs.put(empty);
    assert.deepEqual(await fills.beginDeletions([empty], 'me', 60_000), [empty.digest]);
    assert.deepEqual(await fills.endDeletions([empty.digest], 'me', 'gone'), [empty.digest]);
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
  },

  async 'a touch is visible immediately and only moves forward'({ index: { blobs } }) {
    const record = sampleBlobRecord('a', { lastPulledAtMs: 1000 });
    await blobs.put(record);
    await blobs.touch(record.digest, 3000);
    await blobs.touch(record.digest, 2000);
    assertSameRecord(await blobs.get(record.digest), { ...record, lastPulledAtMs: 3000 });
    await blobs.put({ ...record, lastPulledAtMs: 2500 });
    assertSameRecord(await blobs.get(record.digest), { ...record, lastPulledAtMs: 3000 });
  },

  async 'a touch does not end a deletion'({ index: { blobs } }) {
    const deleting = sampleBlobRecord('b', { state: 'deleting', lastPulledAtMs: 1000 });
    await blobs.put(deleting);
    await blobs.touch(deleting.digest, 2000);
    assertSameRecord(await blobs.get(deleting.digest), { ...deleting, lastPulledAtMs: 2000 });
  },

  async 'a touch without a record has no effect'({ index: { blobs } }) {
    const record = sampleBlobRecord('a', { lastPulledAtMs: 1000 });
    await blobs.touch(record.digest, 5000);
    assert.equal(await blobs.get(record.digest), undefined);
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
    await blobs.put(record);
    assertSameRecord(await blobs.get(record.digest), record);
    for (const add of [blobs.put, blobs.adopt]) {
      await blobs.touch(record.digest, 5000);
      await blobs.remove(record.digest);
      await blobs.touch(record.digest, 5000);
      await add(record);
      assertSameRecord(await blobs.get(record.digest), record);
    }
  },

  async 'markVerified sets only `verified`, and does nothing without a record'({ index: { blobs } }) {
    const record = sampleBlobRecord('a', { verified: false, lastPulledAtMs: 1000 });
    await blobs.markVerified(record.digest);
    assert.equal(await blobs.get(record.digest), undefined);
    await blobs.put(record);
    await blobs.touch(record.digest, 2000);
    await blobs.markVerified(record.digest);
    assertSameRecord(await blobs.get(record.digest), {
      ...record,
      verified: true,
      lastPulledAtMs: 2000,
    });
  },

  async 'a table stays with its record until the record is written without one'({ index: { blobs, fills } }) {
    const mebibyte = 1024 * 1024;
    const table = { segmentBytes: 16 * mebibyte, crcs: [0, 0xff_ff_ff_ff, 7] };
    const record = sampleBlobRecord('a', { size: 33 * mebibyte, lastPulledAtMs: 1 });
    await blobs.put({ ...record, table });
    assertSameRecord(await blobs.get(record.digest), { ...record, table });
    await blobs.markVerified(record.digest);
    await blobs.touch(record.digest, 2);
    assertSameRecord(await blobs.get(record.digest), { ...record, lastPulledAtMs: 2, table });
    assert.deepEqual(await fills.beginDeletions([{ ...record, lastPulledAtMs: 2 }], 'me', 60_000), [record.digest]);
    assert.deepEqual(await fills.endDeletions([record.digest], 'me', 'kept'), [record.digest]);
    assertSameRecord(await blobs.get(record.digest), { ...record, lastPulledAtMs: 2, table });
    await blobs.put(record);
    assertSameRecord(await blobs.get(record.digest), { ...record, lastPulledAtMs: 2 });
    await blobs.markVerified(record.digest, table);
    assertSameRecord(await blobs.get(record.digest), { ...record, lastPulledAtMs: 2, table });
    // The record has no table now, because the old table does not fit the new size.
    await blobs.put({ ...record, size: 5, table });
    assertSameRecord(await blobs.get(record.digest), { ...record, size: 5, lastPulledAtMs: 2 });
    await blobs.remove(record.digest);
    assert.equal(await blobs.adopt({ ...record, table }), true);
    assertSameRecord(await blobs.get(record.digest), { ...record, table });
  },

  async 'done records the table of the blob'({ index: { blobs, fills } }) {
    const table = { segmentBytes: 100, crcs: [1, 2] };
    const blob = sampleBlobRecord('a', { size: 101, table });
    await claimed(fills, sampleClaim('a'));
    assert.equal(await fills.done(blob.digest, 'owner-a', blob), true);
    assertSameRecord(await blobs.get(blob.digest), blob);
  },

  async 'a manifest record is absent, then as written, then absent after removal'({ index: { manifests } }) {
    const record = sampleManifest('m');
    assert.equal(await manifests.get(record.digest), undefined);
    assert.equal(await manifests.remove(record.digest), false);
    await manifests.put(record);
    assertSameRecord(await manifests.get(record.digest), record);
    const changed = { ...record, mediaType: 'application/vnd.oci.image.manifest.v1+json', size: 3, storedAtMs: 4 };
    await manifests.put(changed);
    assertSameRecord(await manifests.get(record.digest), changed);
    assert.equal(await manifests.remove(record.digest), true);
    assert.equal(await manifests.get(record.digest), undefined);
  },

  async 'manifest and blob records of one digest are separate'({ index: { blobs, manifests } }) {
    await manifests.put(sampleManifest('m'));
    assert.equal(await blobs.get(sampleDigest('m')), undefined);
    assert.deepEqual(await blobs.totals(), { blobs: 0, bytes: 0 });
    await blobs.put(sampleBlobRecord('m'));
    await manifests.remove(sampleDigest('m'));
    assertSameRecord(await blobs.get(sampleDigest('m')), sampleBlobRecord('m'));
  },

  async 'memory returns the same record as a read'({ index: { blobs, fills } }) {
    const record = sampleBlobRecord('a', { state: 'present', lastPulledAtMs: 1 });
    const remembered = () => blobs.fromMemory(record.digest);
    assert.equal(remembered(), undefined);
    await blobs.put(record);
    await blobs.get(record.digest);
    assertFromMemory(remembered(), record);
    await blobs.touch(record.digest, 2000);
    assertFromMemory(remembered(), { ...record, lastPulledAtMs: 2000 });
    assert.equal((await fills.beginDeletions([{ ...record, lastPulledAtMs: 2000 }], 'me', 60_000)).length, 1);
    await blobs.get(record.digest);
    if (remembered() !== undefined) assert.equal(remembered()?.state, 'deleting');
    await blobs.remove(record.digest);
    assert.equal(remembered(), undefined);
  },
};
