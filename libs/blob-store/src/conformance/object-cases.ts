// Cases of small named objects: values are read whole, and keys can never leave the root.
import assert from 'node:assert/strict';
import { maxObjectBytes } from '../key-layout.ts';
import type { BlobStoreCases } from './blob-store-under-test.ts';
import { assertSameBytes, collect, sampleBlob } from './sample-blob.ts';

const escapingKeys = [
  '',
  '/',
  '/etc/passwd',
  '..',
  '../outside',
  'a/../../outside',
  'a/..',
  'a/./b',
  'a//b',
  'a/',
  'a\\b',
  'a/..\\b',
  'a\u0000b',
  'a\nb',
];

export const objectCases: BlobStoreCases = {
  async 'an object that was never written is absent'({ store }) {
    assert.equal(await store.readObject('cistern/state/nothing.json'), undefined);
    assert.equal(await store.removeObject('cistern/state/nothing.json'), false);
    assert.deepEqual(await collect(store.listObjects('cistern/state/')), []);
  },

  async 'an object has its last written value, also after a restart'({ store, reopen }) {
    const key = 'cistern/tags/localhost:5000/a.b/c_d/_tags/v1.2-rc.json';
    for (const size of [1, 200_000, 0, maxObjectBytes]) {
      const { bytes } = sampleBlob(size);
      await store.writeObject(key, bytes);
      for (const view of [store, await reopen()]) {
        const read = await view.readObject(key);
        assert.ok(read);
        assertSameBytes(read, bytes);
      }
    }
  },

  async 'the caller can change written and read bytes without an effect on the object'({ store }) {
    const bytes = Buffer.from('before');
    await store.writeObject('cistern/a', bytes);
    bytes.fill(0);
    const read = await store.readObject('cistern/a');
    assert.ok(read);
    assert.equal(Buffer.from(read).toString(), 'before');
    read.fill(0);
    assert.equal(Buffer.from((await store.readObject('cistern/a')) ?? []).toString(), 'before');
  },

  async 'a removed object is absent, and can be written again'({ store, reopen }) {
    await store.writeObject('cistern/a/b', Buffer.from('1'));
    assert.equal(await store.removeObject('cistern/a/b'), true);
    assert.equal(await store.removeObject('cistern/a/b'), false);
    assert.equal(await (await reopen()).readObject('cistern/a/b'), undefined);
    assert.deepEqual(await collect(store.listObjects('cistern/')), []);
    await store.writeObject('cistern/a/b', Buffer.from('2'));
    assert.equal(Buffer.from((await store.readObject('cistern/a/b')) ?? []).toString(), '2');
  },

  async 'a listing has the keys below its prefix, at any depth, and no others'({ store }) {
    const below = ['cistern/links/docker.io/a/1.json', 'cistern/links/docker.io/a/b/2.json'];
    for (let number = 0; number < 30; number += 1) below.push(`cistern/links/docker.io/many/${number}.json`);
    const others = ['cistern/links/docker.iox/3.json', 'cistern/links/docker', 'cistern/tags/docker.io/4.json'];
    for (const key of [...below, ...others]) await store.writeObject(key, Buffer.from(key));
    assert.deepEqual((await collect(store.listObjects('cistern/links/docker.io/'))).sort(), [...below].sort());
    assert.deepEqual((await collect(store.listObjects('cistern/'))).sort(), [...below, ...others].sort());
    assert.deepEqual(await collect(store.listObjects('cistern/links/none/')), []);
  },

  async 'a listing of objects yields no blobs, and a listing of blobs no objects'({ store }) {
    await store.writeObject('cistern/state/a.json', Buffer.from('{}'));
    assert.deepEqual(await collect(store.list()), []);
  },

  async 'two concurrent writers of one key leave the whole value of one of them'({ store, reopen }) {
    const [one, two] = [Buffer.alloc(300_000, 1), Buffer.alloc(200_000, 2)];
    const other = await reopen();
    for (let round = 0; round < 5; round += 1) {
      await Promise.all([store.writeObject('cistern/a', one), other.writeObject('cistern/a', two)]);
      const read = await store.readObject('cistern/a');
      assert.ok(read);
      assertSameBytes(read, read.byteLength === one.length ? one : two);
    }
  },

  async 'a key or prefix that could leave the root throws'({ store }) {
    for (const key of escapingKeys) {
      await assert.rejects(async () => store.readObject(key), TypeError, key);
      await assert.rejects(async () => store.writeObject(key, Buffer.from('x')), TypeError, key);
      await assert.rejects(async () => store.removeObject(key), TypeError, key);
      await assert.rejects(async () => collect(store.listObjects(`${key}/`)), TypeError, key);
    }
    await assert.rejects(async () => collect(store.listObjects('cistern')), TypeError);
    await assert.rejects(async () => collect(store.listObjects('')), TypeError);
  },

  async 'an object above the limit is rejected and changes nothing'({ store }) {
    await store.writeObject('cistern/a', Buffer.from('small'));
    await assert.rejects(async () => store.writeObject('cistern/a', Buffer.alloc(maxObjectBytes + 1)), RangeError);
    assert.equal(Buffer.from((await store.readObject('cistern/a')) ?? []).toString(), 'small');
  },
};
