// Tests space in a store of limited size: how long a commit waits for it, and how much eviction must free.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { bodyOf } from '@cistern/blob-store';
import { createMemoryContents, createMemoryStore } from '@cistern/blob-store/memory';
import { createTestIndex } from '@cistern/index/testing';
import { digestOf } from '@cistern/oci';
import { isNoRoom, limitStore } from './limit-store.ts';

/** A store of at most a hundred bytes. */
function startStore(held: number) {
  const total = { held };
  const wanted: number[] = [];
  const contents = createMemoryContents();
  const { blobs } = createTestIndex({ now: Date.now });
  const index = { blobs: { ...blobs, totals: async () => ({ blobs: 1, bytes: total.held }) } };
  const want = async (bytes: number) => void wanted.push(bytes);
  const store = limitStore(createMemoryStore({ contents }), { index, maxBytes: 100, want });
  const put = async (bytes: number) => {
    const content = Buffer.alloc(bytes, bytes);
    await store.put(digestOf(content), bodyOf(content));
  };
  const begin = (size: number) => store.beginUpload(digestOf(Buffer.alloc(size)), { size, segmentBytes: size });
  return { total, put, begin, wanted, contents };
}

async function tookMs(action: () => Promise<unknown>): Promise<number> {
  const sinceMs = performance.now();
  await action();
  return performance.now() - sinceMs;
}

const refused = (action: Promise<void>) => assert.rejects(action, isNoRoom);

test('a commit without space waits for eviction, and the bytes of other commits count', async () => {
  const { total, put, wanted } = startStore(90);
  const stored: string[] = [];
  await put(6);
  assert.deepEqual(wanted, []);
  const waiting = [put(5).then(() => stored.push('five')), put(4).then(() => stored.push('four'))];
  await delay(500);
  assert.deepEqual(stored, ['four']);
  assert.deepEqual(new Set(wanted), new Set([15]));
  total.held = 100;
  await delay(1_500);
  assert.equal(wanted.at(-1), 5);
  total.held = 50;
  await Promise.all(waiting);
  assert.equal(wanted.at(-1), 0);
});

test('a blob for which nothing may be evicted is not stored, and the next ones wait only after space is freed', async () => {
  const { total, put, contents } = startStore(100);
  const firstMs = await tookMs(() => refused(put(1)));
  assert.ok(firstMs >= 10_000 && firstMs < 11_000);
  assert.ok((await tookMs(() => refused(put(1)))) < 500);
  assert.equal(contents.blobs.size, 0);
  total.held = 99;
  await delay(500);
  const waiting = put(2);
  await delay(3_000);
  total.held = 50;
  await waiting;
  assert.equal(contents.blobs.size, 1);
});

test('a blob that is larger than the store is refused immediately, and nothing is evicted for it', async () => {
  const { put, wanted } = startStore(0);
  assert.ok((await tookMs(() => refused(put(101)))) < 200);
  assert.deepEqual(wanted, []);
});

test('an upload reserves space for its whole blob from the start, and returns it at the end', async () => {
  const { put, begin, contents, wanted } = startStore(0);
  await assert.rejects(begin(101), isNoRoom);
  const [kept, aborted] = [await begin(60), await begin(40)];
  const waiting = put(1);
  await delay(500);
  assert.equal(contents.blobs.size, 0);
  assert.deepEqual(wanted.at(-1), 101);
  await aborted.abort();
  await aborted.abort();
  await waiting;
  await put(39);
  await delay(1_500);
  await kept.put(0, bodyOf(Buffer.alloc(60)));
  await kept.complete();
  await kept.abort();
  await put(40);
  await delay(1_500);
  await put(99);
});
