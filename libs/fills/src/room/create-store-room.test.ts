// Room in a store of limited size: how long a commit waits for it, and how much eviction has to make.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestIndex } from '@cistern/index/testing';
import { createStoreRoom, isNoRoom } from './create-store-room.ts';

/** A store of at most a hundred bytes. */
function startRoom(held: number) {
  const store = { held };
  const wanted: number[] = [];
  const { blobs } = createTestIndex({ now: Date.now });
  const index = { blobs: { ...blobs, totals: async () => ({ blobs: 1, bytes: store.held }) } };
  const room = createStoreRoom({ index, maxBytes: 100, want: async (bytes) => void wanted.push(bytes) });
  return { store, room, wanted };
}

async function tookMs(action: () => Promise<unknown>): Promise<number> {
  const sinceMs = performance.now();
  await action();
  return performance.now() - sinceMs;
}

const refused = (action: Promise<void>) => assert.rejects(action, isNoRoom);

test('a commit that finds no room has it made, and the bytes of other commits count', async () => {
  const { store, room, wanted } = startRoom(90);
  const taken: string[] = [];
  await room.take(6);
  assert.deepEqual(wanted, []);
  const waiting = [room.take(5).then(() => taken.push('five')), room.take(4).then(() => taken.push('four'))];
  await delay(500);
  assert.deepEqual(taken, ['four']);
  assert.ok(wanted.length > 0 && wanted.every((bytes) => bytes === 5));
  store.held = 50;
  await Promise.all(waiting);
  assert.equal(wanted.at(-1), 0);
});

test('a blob for which nothing may go is not stored, and the next ones do not wait until something has gone', async () => {
  const { store, room } = startRoom(100);
  const firstMs = await tookMs(() => refused(room.take(1)));
  assert.ok(firstMs >= 10_000 && firstMs < 11_000);
  assert.ok((await tookMs(() => refused(room.take(1)))) < 500);
  store.held = 99;
  await delay(500);
  const waiting = room.take(2);
  await delay(3_000);
  store.held = 50;
  await waiting;
});

test('a blob that is larger than the store is refused at once, and nothing goes for it', async () => {
  const { room, wanted } = startRoom(0);
  assert.ok((await tookMs(() => refused(room.take(101)))) < 200);
  assert.deepEqual(wanted, []);
});
