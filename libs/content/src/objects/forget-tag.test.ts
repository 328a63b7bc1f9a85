import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryStore } from '@cistern/blob-store/memory';
import type { TagRecord } from '@cistern/index';
import { createTestIndex, repositoryOf } from '@cistern/index/testing';
import { digestOf, parseTag } from '@cistern/oci';
import { forgetTag } from './forget-tag.ts';
import { readTagObject, unconfirmedTag, writeTagObject } from './small-objects.ts';

const now = () => 1000;
const key = { ...repositoryOf('docker.io', 'library/nginx'), tag: parseTag('latest') };
const [old, moved] = [1, 2].map((sequence): TagRecord => {
  const digest = digestOf(Buffer.from(`${sequence}`));
  return unconfirmedTag(key, { digest, mediaType: '', size: 1, sequence, changedAtMs: 1, origin: 'upstream' }, 1);
}) as [TagRecord, TagRecord];

async function start() {
  const deps = { index: createTestIndex({ now }), store: createMemoryStore(), adoptAs: () => undefined };
  await deps.index.tags.put(old);
  await writeTagObject(deps.store, old);
  return deps;
}

test('an unchanged tag is removed from store and index', async () => {
  const deps = await start();
  assert.equal(await forgetTag(deps, key, old), true);
  assert.equal(await deps.index.tags.get(key), undefined);
  assert.equal(await readTagObject(deps.store, key, 0), undefined);
});

test('a tag that is only in the store is removed too', async () => {
  const deps = await start();
  await deps.index.tags.remove(key);
  assert.equal(await forgetTag(deps, key, undefined), true);
  assert.equal(await readTagObject(deps.store, key, 0), undefined);
});

test('a tag that another worker has recorded since stays, whenever that was', async () => {
  for (const when of ['before', 'with the object', 'with the record']) {
    const deps = await start();
    const record = async () => {
      await writeTagObject(deps.store, moved);
      await deps.index.tags.put(moved);
    };
    if (when === 'before') await record();
    const { index, store } = deps;
    const removeObject = async (name: string) => {
      if (when === 'with the object') await record();
      return store.removeObject(name);
    };
    const remove: typeof index.tags.remove = async (...given) => {
      if (when === 'with the record') await record();
      return index.tags.remove(...given);
    };
    const racing = { ...deps, store: { ...store, removeObject }, index: { tags: { ...index.tags, remove } } };
    assert.equal(await forgetTag(racing, key, old), false, when);
    assert.deepEqual((await index.tags.get(key))?.digest, moved.digest, when);
    assert.equal((await readTagObject(store, key, 0))?.digest, moved.digest, when);
  }
});

test('a delayed removal from the store does not remove a newer tag', async () => {
  const deps = await start();
  const later: (() => Promise<void>)[] = [];
  assert.equal(await forgetTag(deps, key, old, async (write) => later.push(write)), true);
  assert.equal(await deps.index.tags.get(key), undefined);
  await writeTagObject(deps.store, moved);
  await deps.index.tags.put(moved);
  for (const write of later) await write();
  assert.equal((await readTagObject(deps.store, key, 0))?.digest, moved.digest);
});
