// Cases of listing, removal and quarantine, and of the errors of an unusable store.
import assert from 'node:assert/strict';
import { type Digest, digestHex } from '@cistern/oci';
import { quarantineKey, quarantinePrefix, quarantinedAtMs } from '../key-layout.ts';
import { bodyOf, putBytes } from '../put-bytes.ts';
import type { BlobStoreCases } from './blob-store-under-test.ts';
import { assertSameBytes, collect, readWhole, rejectsAsUnavailable, sampleBlob, storeSample } from './sample-blob.ts';

export const keepingCases: BlobStoreCases = {
  async 'list yields every committed blob one time, with its size and age, and nothing else'({ store, reopen }) {
    const before = Date.now();
    const samples = [];
    for (let size = 0; size < 25; size += 1) samples.push(await storeSample(store, size));
    const unfinished = await store.beginUpload(sampleBlob(10).digest, { size: 10, segmentBytes: 10 });
    await unfinished.put(0, bodyOf(Buffer.alloc(10)));
    await store.writeObject('cistern/state/pins.json', Buffer.from('{}'));
    for (const view of [store, await reopen()]) {
      const listed = await collect(view.list());
      assert.deepEqual(
        new Map(listed.map((blob) => [blob.digest, blob.size])),
        new Map(samples.map((sample) => [sample.digest, sample.bytes.length])),
      );
      assert.equal(listed.length, samples.length);
      // The tolerance is large, because S3 servers and file systems round times, and their clocks differ.
      for (const { modifiedAtMs } of listed) assert.ok(Math.abs(modifiedAtMs - before) < 120_000, `${modifiedAtMs}`);
    }
    await unfinished.abort();
  },

  async 'list with a shard yields the blobs whose digests begin with it, of both algorithms'({ store }) {
    for (let size = 1; size <= 40; size += 1) await storeSample(store, size);
    const long = sampleBlob(100, 'sha512');
    await putBytes(store, long.digest, long.bytes);
    const all = await collect(store.list());
    const shards = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
    const found: string[] = [];
    for (const shard of shards)
      for (const { digest } of await collect(store.list(shard))) {
        assert.equal(digestHex(digest).slice(0, 2), shard);
        found.push(digest);
      }
    assert.deepEqual(found.sort(), all.map(({ digest }) => digest as string).sort());
  },

  async 'a quarantined blob is no longer a blob, and its bytes remain until they are removed'({ store }) {
    const { digest, bytes } = await storeSample(store, 5000);
    const other = await storeSample(store, 10);
    assert.equal(await store.quarantine(digest, 1_700_000_000_000.5), true);
    assert.equal(await store.quarantine(digest, 1_700_000_000_000.5), false);
    assert.equal(await store.stat(digest), undefined);
    assert.deepEqual(
      (await collect(store.list())).map((blob) => blob.digest),
      [other.digest],
    );
    const key = quarantineKey(digest, 1_700_000_000_000);
    assert.deepEqual(await collect(store.listObjects(quarantinePrefix)), [key]);
    assert.equal(quarantinedAtMs(key), 1_700_000_000_000);
    assertSameBytes((await store.readObject(key))!, bytes);
    // The blob can be stored again, and can be damaged again.
    await putBytes(store, digest, bytes);
    assertSameBytes(await readWhole(store, digest), bytes);
    assert.equal(await store.removeObject(key), true);
  },

  async 'a list whose caller stopped early can be repeated'({ store }) {
    for (let size = 1; size <= 5; size += 1) await storeSample(store, size);
    for await (const blob of store.list()) {
      assert.ok(blob.size > 0);
      break;
    }
    assert.equal((await collect(store.list())).length, 5);
  },

  async 'a caller can remove blobs during a listing'({ store }) {
    for (let size = 1; size <= 10; size += 1) await storeSample(store, size);
    for await (const blob of store.list()) await store.remove(blob.digest);
    assert.deepEqual(await collect(store.list()), []);
  },

  async 'a removed blob is absent, and can be stored again'({ store, reopen }) {
    const { digest, bytes } = await storeSample(store, 1000);
    const other = await storeSample(store, 1001);
    assert.equal(await store.remove(digest), true);
    assert.equal(await store.remove(digest), false);
    for (const view of [store, await reopen()]) {
      assert.equal(await view.stat(digest), undefined);
      assert.equal(await view.open(digest), undefined);
      assert.deepEqual(
        (await collect(view.list())).map((blob) => blob.digest),
        [other.digest],
      );
    }
    await putBytes(store, digest, bytes);
    assertSameBytes(await readWhole(store, digest), bytes);
  },

  async 'many blobs are removed in one call, including absent ones'({ store }) {
    const samples: Digest[] = [];
    for (let size = 1; size <= 12; size += 1) samples.push((await storeSample(store, size)).digest);
    const [kept, ...removed] = samples;
    assert.deepEqual(await store.removeAll([...removed, sampleBlob(99).digest]), new Map());
    assert.deepEqual(
      (await collect(store.list())).map((blob) => blob.digest),
      [kept],
    );
    assert.deepEqual(await store.removeAll([]), new Map());
  },

  async 'a concurrent removal and commit of one digest leave the blob whole or absent'({ store }) {
    const { digest, bytes } = sampleBlob(1000);
    for (let round = 0; round < 20; round += 1) {
      await Promise.all([putBytes(store, digest, bytes), store.remove(digest), putBytes(store, digest, bytes)]);
      if ((await store.stat(digest)) !== undefined) assertSameBytes(await readWhole(store, digest), bytes);
    }
  },

  async 'check resolves while the store is usable, and leaves no objects'({ store }) {
    await store.check();
    await store.check();
    assert.deepEqual(await collect(store.list()), []);
    assert.deepEqual(await collect(store.listObjects('cistern/')), []);
  },

  async 'an unusable store rejects with store-unavailable, and never returns "not found"'({ store, fail }) {
    const { digest, bytes } = await storeSample(store, 1000);
    await store.writeObject('cistern/state/a.json', Buffer.from('{}'));
    await fail();
    await rejectsAsUnavailable(async () => store.stat(digest));
    await rejectsAsUnavailable(async () => store.open(digest));
    await rejectsAsUnavailable(async () => putBytes(store, sampleBlob(10).digest, bytes));
    await rejectsAsUnavailable(async () => store.remove(digest));
    await rejectsAsUnavailable(async () => {
      for (const error of (await store.removeAll([digest])).values()) throw error;
    });
    await rejectsAsUnavailable(async () => collect(store.list()));
    await rejectsAsUnavailable(async () => store.readObject('cistern/state/a.json'));
    await rejectsAsUnavailable(async () => store.readObject('cistern/state/missing.json'));
    await rejectsAsUnavailable(async () => store.writeObject('cistern/state/a.json', bytes));
    await rejectsAsUnavailable(async () => store.removeObject('cistern/state/a.json'));
    await rejectsAsUnavailable(async () => collect(store.listObjects('cistern/state/')));
    await rejectsAsUnavailable(async () => store.check());
  },
};
