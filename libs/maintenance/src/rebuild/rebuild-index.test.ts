import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linksObjectKey, putBytes, tagObjectKey } from '@cistern/blob-store';
import { readTagObject, removeLink, removeTag } from '@cistern/content';
import type { CacheIndex } from '@cistern/index';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf, parseTag } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { contentOf, repositories, startLost } from '../testing/start-lost-index.ts';
import { type RebuildProgress, rebuildIndex } from './rebuild-index.ts';
import { startIndexKeeper } from './start-index-keeper.ts';

test('a rebuild restores the index from the store, and its records must be confirmed and verified again', async (t) => {
  const { index, lost, options, tags, digests } = await startLost(t);
  const progress: RebuildProgress[] = [];
  const result = await rebuildIndex({ ...options, onProgress: (report) => progress.push(report) });
  const expected = { blobs: 7, blobsAdded: 7, manifests: 3, tags: 3, tagsAdded: 3, failed: 0, step: 'done' as const };
  assert.deepEqual(result, { ...expected, isComplete: true });
  assert.deepEqual(progress.at(-1), expected);
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
  for (const digest of digests) assert.equal((await lost.blobs.get(digest))?.verified, false);
  for (const tag of tags) assert.equal((await lost.tags.get(tag))?.checkedAtMs, 0);
  const again = await rebuildIndex(options);
  assert.deepEqual([again.blobsAdded, again.tagsAdded], [0, 0]);
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
});

test('existing records are newer, and stay', async (t) => {
  const { index, lost, options, tags, digests } = await startLost(t);
  const [first] = tags;
  const tag = { ...(await index.tags.get(first!))!, digest: digestOf(Buffer.from('newer')), sequence: 2 };
  await lost.tags.put(tag);
  const [digest] = digests;
  const blob = { ...(await index.blobs.get(digest!))!, verified: true, lastPulledAtMs: 1 };
  await lost.blobs.put(blob);
  const absent = { ...blob, digest: digestOf(Buffer.from('on its way')), size: 5 };
  await lost.blobs.put(absent);
  const result = await rebuildIndex(options);
  assert.deepEqual([result.blobsAdded, result.tagsAdded], [6, 2]);
  assert.deepEqual(await lost.tags.get(tag), tag);
  assert.deepEqual(await lost.blobs.get(blob.digest), blob);
  assert.deepEqual(await lost.blobs.get(absent.digest), absent);
  const { blobs, bytes } = await index.blobs.totals();
  assert.deepEqual(await lost.blobs.totals(), { blobs: blobs + 1, bytes: bytes + 5 });
});

test('foreign and empty objects are skipped', async (t) => {
  const { index, lost, options, store, tags, digests } = await startLost(t);
  const [key] = repositories;
  const nothing = digestOf(Buffer.from('nothing'));
  await store.writeObject(linksObjectKey(key!.upstream, key!.repository, nothing), Buffer.from('{'));
  await store.writeObject(tagObjectKey({ ...key!, tag: parseTag('broken') }), Buffer.from('{"schema":1}'));
  await store.writeObject('cistern/links/README', Buffer.from('hello'));
  await store.writeObject('cistern/tags/docker.io/x', Buffer.from('hello'));
  // Other caches leave emptied files. The manifest's bytes are missing.
  await putBytes(store, nothing, Buffer.alloc(0));
  const manifest = (await index.tags.get(tags[0]!))!.digest;
  await store.remove(manifest);
  const result = await rebuildIndex(options);
  assert.equal(result.isComplete, true);
  assert.equal(await lost.blobs.get(nothing), undefined);
  assert.equal(await lost.manifests.get(manifest), undefined);
  assert.equal((await lost.blobs.totals()).blobs, digests.size - 1);
});

test('an interrupted rebuild continues where it stopped, also after a restart', async (t) => {
  const { index, lost, options, tags, digests } = await startLost(t);
  const listed: string[] = [];
  let isDown = true;
  const store = {
    ...options.store,
    list(shard?: string) {
      if (shard !== undefined) listed.push(shard);
      return options.store.list(shard);
    },
    async *listObjects(prefix: string) {
      listed.push(prefix);
      if (isDown && prefix === 'cistern/tags/') throw new CacheError('store-unavailable', 'The store is down.');
      yield* options.store.listObjects(prefix);
    },
  };
  await assert.rejects(rebuildIndex({ ...options, store }), (error) => isCacheError(error, 'store-unavailable'));
  assert.equal((await lost.blobs.totals()).blobs, digests.size);
  assert.equal(await lost.epoch.isComplete(), false);
  isDown = false;
  listed.length = 0;
  assert.equal((await rebuildIndex({ ...options, store })).tagsAdded, tags.length);
  assert.deepEqual(new Set(listed), new Set(['cistern/tags/']));
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
  const aborted = rebuildIndex({ ...options, signal: AbortSignal.abort(new Error('stopped')) });
  await assert.rejects(aborted, /stopped/);
  // A complete index is compared with the store again, and its leases are free again.
  listed.length = 0;
  await rebuildIndex({ ...options, store });
  assert.equal(listed.length, 256 + 3 * 8);
});

test('a rebuild of a store without blobs lists them once, and reads the marks once a step', async (t) => {
  const { lost, options } = await startLost(t);
  let lists = 0;
  let reads = 0;
  const store = {
    ...options.store,
    list() {
      lists += 1;
      return options.store.list('none');
    },
  };
  const marks = (epoch: string) => {
    reads += 1;
    return lost.epoch.marks(epoch);
  };
  const index = { ...lost, epoch: { ...lost.epoch, marks } };
  assert.equal((await rebuildIndex({ ...options, index, store })).isComplete, true);
  assert.equal(lists, 1);
  // The last read finds that nothing is left.
  assert.equal(reads, 3 + 1);
});

test('workers rebuild in parallel without repeating work', async (t) => {
  const { index, lost, options, tags, digests } = await startLost(t);
  const listed: string[] = [];
  const store = {
    ...options.store,
    async *list(shard?: string) {
      if (shard !== undefined) listed.push(shard);
      await new Promise((resolve) => setTimeout(resolve, 10));
      yield* options.store.list(shard);
    },
  };
  const results = await Promise.all([1, 2, 3].map(() => rebuildIndex({ ...options, store })));
  assert.ok(results.every(({ isComplete }) => isComplete));
  assert.ok(results.every(({ blobs }) => blobs < digests.size));
  assert.equal(
    results.reduce((sum, { blobsAdded }) => sum + blobsAdded, 0),
    digests.size,
  );
  assert.equal(listed.length, 256);
  assert.deepEqual(await contentOf(lost, tags, digests), await contentOf(index, tags, digests));
});

test('a worker continues the part of a dead worker', async (t) => {
  const { lost, options, digests } = await startLost(t);
  for (const part of ['blobs/00', 'blobs/ff']) await lost.leases.acquire(`rebuild/${part}`, 'dead', 5_000);
  const rebuilding = rebuildIndex(options);
  await until(async () => (await lost.epoch.marks(await lost.epoch.current())).size === 2 * 254);
  assert.equal(await lost.epoch.isComplete(), false);
  options.clock.nowMs += 5_000;
  assert.equal((await rebuilding).isComplete, true);
  assert.equal((await lost.blobs.totals()).blobs, digests.size);
});

test('an object that is removed during the rebuild is not restored', async (t) => {
  const { lost, options, tags } = await startLost(t);
  const deps = { index: lost, store: options.store, adoptAs: () => undefined };
  const [tag] = tags;
  const manifest = (await readTagObject(options.store, tag!, 0))!.digest;
  const remove = new Map<string, () => Promise<unknown>>([
    [tagObjectKey(tag!), () => removeTag(deps, tag!)],
    [linksObjectKey(tag!.upstream, tag!.repository, manifest), () => removeLink(deps, tag!, manifest)],
  ]);
  const store = {
    ...options.store,
    async readObject(key: string) {
      const bytes = await options.store.readObject(key);
      await remove.get(key)?.();
      return bytes;
    },
  };
  await rebuildIndex({ ...options, store });
  assert.equal(await lost.tags.get(tag!), undefined);
  assert.equal(await lost.links.get(tag!, manifest), undefined);
});

test('a rebuild reports that the index was lost again meanwhile', async (t) => {
  const { lost, options, loseData } = await startLost(t);
  const adopt: CacheIndex['blobs']['adopt'] = async (record) => {
    loseData();
    return lost.blobs.adopt(record);
  };
  const index: CacheIndex = { ...lost, blobs: { ...lost.blobs, adopt } };
  assert.equal((await rebuildIndex({ ...options, index })).isComplete, false);
  assert.equal(await lost.epoch.isComplete(), false);
  assert.equal((await rebuildIndex(options)).isComplete, true);
});

test('a keeper rebuilds the index whenever it is not complete', async (t) => {
  const { lost, options, digests, loseData } = await startLost(t);
  const keeper = startIndexKeeper(options);
  t.after(() => keeper.close());
  await until(() => lost.epoch.isComplete());
  assert.equal((await lost.blobs.totals()).blobs, digests.size);
  loseData();
  await until(() => lost.epoch.isComplete());
  assert.equal((await lost.blobs.totals()).blobs, digests.size);
  await keeper.close();
  await keeper.close();
});

test('a closed keeper leaves its rebuild and its lease to others', async (t) => {
  const { lost, options } = await startLost(t);
  const begun = Promise.withResolvers<void>();
  const store = {
    ...options.store,
    async *list(shard?: string) {
      for await (const blob of options.store.list(shard)) {
        yield blob;
        begun.resolve();
        await new Promise(setImmediate);
      }
    },
  };
  const keeper = startIndexKeeper({ ...options, store });
  await begun.promise;
  await keeper.close();
  assert.equal(await lost.epoch.isComplete(), false);
  assert.equal((await rebuildIndex(options)).isComplete, true);
});
