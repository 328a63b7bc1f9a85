import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkBytes, createBufferPool, type PooledBuffer } from './buffer-pool.ts';

const fastPace = 100 * 1024 * 1024;

/** Returns the sizes of buffers in KiB, and the number of buffers of each size. */
function sizesOf(buffers: readonly PooledBuffer[]) {
  return [...Map.groupBy(buffers, ({ bytes }) => bytes.length)].map(([bytes, { length }]) => [bytes / 1024, length]);
}

test('buffers get smaller as the pool fills, even beyond its budget, and slow readers get small ones', () => {
  const pool = createBufferPool(4 * chunkBytes);
  for (const [pace, bytes] of [
    [Number.POSITIVE_INFINITY, 512],
    [600_000, 512],
    [500_000, 128],
    [20_000, 16],
    [0, 16],
  ] as const) {
    const buffer = pool.take(pace);
    assert.equal(buffer.bytes.length, bytes * 1024);
    pool.give(buffer);
  }
  const taken = Array.from({ length: 100 }, () => pool.take(fastPace));
  assert.deepEqual(sizesOf(taken), [
    [512, 2],
    [128, 4],
    [16, 32],
    [6, 62],
  ]);
  for (const buffer of taken) pool.give(buffer);
  assert.equal(pool.usedBytes, 0);
});

test('readers that may be slow share half of the budget, and leave the rest to fast ones', () => {
  const pool = createBufferPool(4 * chunkBytes);
  const slow = Array.from({ length: 30 }, () => pool.take(Number.POSITIVE_INFINITY));
  assert.deepEqual(sizesOf(slow), [
    [512, 1],
    [128, 2],
    [16, 16],
    [6, 11],
  ]);
  assert.equal(pool.take(fastPace).bytes.length, chunkBytes / 4);
  for (const buffer of slow) pool.give(buffer);
  assert.equal(pool.take(Number.POSITIVE_INFINITY).bytes.length, chunkBytes);
});

test('kept buffers count towards the budget, and their memory is freed when others need it', () => {
  const pool = createBufferPool(4 * chunkBytes);
  const buffers = Array.from({ length: 2 }, () => pool.take(fastPace));
  for (const buffer of buffers) pool.give(buffer);
  assert.deepEqual(
    buffers.map(({ bytes }) => bytes.length),
    [chunkBytes, chunkBytes],
  );
  const small = Array.from({ length: 160 }, () => pool.take(20_000));
  const total = [...buffers, ...small].reduce((sum, { bytes }) => sum + bytes.length, 0);
  assert.ok(total <= pool.maxBytes, `${total} bytes are allocated`);
});

test('the small buffers of many readers that have left make room for large ones', () => {
  const pool = createBufferPool(64 * chunkBytes);
  const small = Array.from({ length: 6000 }, () => pool.take(0));
  for (const buffer of small) pool.give(buffer);
  const large = pool.take(fastPace);
  pool.give(large);
  assert.equal(large.bytes.length, chunkBytes);
  assert.equal(pool.take(fastPace), large);
});
