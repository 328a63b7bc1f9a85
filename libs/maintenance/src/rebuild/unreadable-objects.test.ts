// Tests a rebuild whose store fails to read some objects.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linksObjectKey } from '@cistern/blob-store';
import { createStoredLinks, pinImage, readLinksObject, readTagObject } from '@cistern/content';
import { CacheError, isCacheError } from '@cistern/errors';
import { digestOf, parseReference } from '@cistern/oci';
import { until } from '@cistern/runtime/testing';
import { createPinnedDigests } from '../eviction/create-pinned-digests.ts';
import { mediaType, quiet, repositories, startLost, unreadable } from '../testing/start-lost-index.ts';
import { rebuildIndex, rereadParts } from './rebuild-index.ts';
import { startIndexKeeper } from './start-index-keeper.ts';

test('an unreadable object does not stop the index from becoming complete, and is found in the store', async (t) => {
  const { lost, options, tags, clock } = await startLost(t);
  const [key] = repositories;
  const manifest = (await options.index.tags.get(tags[0]!)) ?? (await readTagObject(options.store, tags[0]!, 0));
  const broken = linksObjectKey(key!.upstream, key!.repository, manifest!.digest);
  let isBroken = true;
  const store = unreadable(options.store, (name) => isBroken && name === broken);
  const links = await readLinksObject(options.store, key!, manifest!.digest);
  for await (const held of options.store.listObjects('cistern/held/')) await options.store.removeObject(held);
  const layer = links!.at(1)!.digest;
  const result = await rebuildIndex({ ...options, store });
  assert.partialDeepStrictEqual(result, { isComplete: true, failed: 1, blobs: 7, manifests: 2, tags: 3 });
  assert.equal(await lost.links.get(key!, layer), undefined);
  // A search for a link of that repository reads the store.
  const stored = createStoredLinks({ index: lost, store, log: quiet, now: () => clock.nowMs });
  await assert.rejects(stored.find(key!, layer), (error) => isCacheError(error, 'store-unavailable'));
  assert.equal(await rereadParts({ ...options, store }), 1);
  isBroken = false;
  clock.nowMs += 60_000;
  assert.equal((await stored.find(key!, layer))?.digest, layer);
  // For other repositories the index is trusted.
  assert.equal(await stored.find(repositories[1]!, digestOf(Buffer.from('none'))), undefined);
  assert.equal(await rereadParts({ ...options, store }), 0);
  assert.equal((await lost.links.get(key!, manifest!.digest))?.confirmed, true);
  assert.equal((await lost.manifests.get(manifest!.digest))?.mediaType, mediaType);
});

test('a pinned image keeps its parts while its links object is unreadable', async (t) => {
  const { lost, options, tags } = await startLost(t);
  const [tag] = tags;
  await pinImage(options.store, { ...tag!, reference: parseReference(tag!.tag) });
  const manifest = (await readTagObject(options.store, tag!, 0))!.digest;
  const parts = (await readLinksObject(options.store, tag!, manifest))!.map(({ digest }) => digest);
  const store = unreadable(options.store, (name) => name.startsWith('cistern/links/'));
  assert.equal((await rebuildIndex({ ...options, store })).isComplete, true);
  assert.equal(await lost.manifests.get(manifest), undefined);
  assert.deepEqual(await createPinnedDigests({ ...options, store })(), new Set(parts));
});

test('the next pass over a part rereads an object that failed once', async (t) => {
  const { lost, options, tags } = await startLost(t);
  const failed = new Set<string>();
  const store = unreadable(options.store, (name) => {
    if (!name.startsWith('cistern/') || failed.has(name)) return false;
    failed.add(name);
    return true;
  });
  assert.partialDeepStrictEqual(await rebuildIndex({ ...options, store }), {
    isComplete: true,
    failed: failed.size,
    manifests: 0,
  });
  assert.ok(failed.size > 0);
  assert.equal(await rereadParts({ ...options, store }), 0);
  for (const tag of tags) assert.ok(await lost.manifests.get((await lost.tags.get(tag))!.digest));
});

test('no object is skipped while the store does not answer', async (t) => {
  const { lost, options } = await startLost(t);
  const store = {
    ...unreadable(options.store, (name) => name.startsWith('cistern/links/')),
    stat: async () => Promise.reject(new CacheError('store-unavailable', 'down')),
  };
  await assert.rejects(rebuildIndex({ ...options, store }), (error) => isCacheError(error, 'store-unavailable'));
  assert.equal(await lost.epoch.isComplete(), false);
});

test('a keeper rereads objects that a rebuild could not read', async (t) => {
  const { lost, options, tags } = await startLost(t);
  let isBroken = true;
  const store = unreadable(options.store, (name) => isBroken && name.startsWith('cistern/links/'));
  const keeper = startIndexKeeper({ ...options, log: quiet, store });
  t.after(() => keeper.close());
  await until(() => lost.epoch.isComplete());
  const manifests = async () =>
    Promise.all(tags.map(async (tag) => lost.links.get(tag, (await lost.tags.get(tag))!.digest)));
  assert.ok((await manifests()).every((link) => link === undefined));
  isBroken = false;
  // The keeper rereads later than the time limit of `until`.
  await new Promise((resolve) => setTimeout(resolve, 150_000));
  assert.ok((await manifests()).every((link) => link?.confirmed));
});
