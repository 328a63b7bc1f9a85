// Tests the functions that decide for windows and readers. `shared-reads.test.ts` tests the effects with streams.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CacheError } from '@cistern/errors';
import { mayKeep, mostChunks } from './buffer-pool.ts';
import { endOfStream } from './byte-source.ts';
import { mayWait } from './failover-reader.ts';
import { mostSlowdownWith, patienceWith } from './shared-reads.ts';
import { Pace } from './pace.ts';

const mebibyte = 1024 * 1024;
const roomy = { usedBytes: 10, maxBytes: 100 };
const tight = { usedBytes: 60, maxBytes: 100 };

test('a lone reader gets one chunk ahead, and two if it is fast and memory is free', () => {
  assert.equal(mostChunks(1, Infinity, 8, roomy), 2);
  assert.equal(mostChunks(1, Infinity, 8, tight), 1);
  assert.equal(mostChunks(1, mebibyte, 8, roomy), 1);
});

test('several readers may be twice as far apart while half of the budget is free', () => {
  assert.equal(mostChunks(2, Infinity, 8, roomy), 16);
  assert.equal(mostChunks(2, Infinity, 8, tight), 8);
});

test('chunks that all have passed are kept only for several readers, while three quarters of the budget are free', () => {
  assert.equal(mayKeep(2, roomy), true);
  assert.equal(mayKeep(1, roomy), false);
  assert.equal(mayKeep(2, { usedBytes: 25, maxBytes: 100 }), false);
});

test('a stream that catches up ends at the position of the others, and one from the start never ends early', () => {
  assert.equal(endOfStream(0, 20 * mebibyte, 100 * mebibyte), 100 * mebibyte);
  assert.equal(endOfStream(mebibyte, 0, 100 * mebibyte), 100 * mebibyte);
  assert.equal(endOfStream(mebibyte, 20 * mebibyte, 100 * mebibyte), 20 * mebibyte);
  assert.equal(endOfStream(mebibyte, 2 * mebibyte, 100 * mebibyte), 5 * mebibyte);
  assert.equal(endOfStream(mebibyte, 20 * mebibyte, 3 * mebibyte), 3 * mebibyte);
});

test('the pace of readers is known after a second, or after more bytes than sockets hold', () => {
  const pace = new Pace();
  pace.measure(0, 100);
  pace.measure(999, 5000);
  assert.equal(pace.bytesPerSecond, Infinity);
  pace.measure(2000, 10_100);
  assert.equal(pace.bytesPerSecond, 5000);
  pace.measure(2010, 10_100 + 8 * mebibyte);
  assert.equal(pace.bytesPerSecond, 800 * mebibyte);
});

test('patience grows with windows and slow chunks, and has a limit', () => {
  assert.equal(patienceWith(1, 0, 250), 250);
  assert.equal(patienceWith(3, 0, 250), 1000);
  assert.equal(patienceWith(1, 100, 250), 400);
  assert.equal(patienceWith(50, 10_000, 250), 2000);
});

test('readers may slow the others the more, the more windows read the same bytes', () => {
  assert.deepEqual([1, 2, 4].map(mostSlowdownWith), [3, 6, 12]);
});

test('a reader in the middle of a blob waits half a minute for an unavailable index, store or worker', () => {
  const unavailable = new CacheError('index-unavailable', 'unavailable');
  assert.equal(mayWait(unavailable, true, 29_999), true);
  assert.equal(mayWait(unavailable, true, 30_000), false);
  assert.equal(mayWait(unavailable, false, 0), false);
  // The last worker is restarting.
  assert.equal(mayWait(new CacheError('overloaded', 'No worker is running.'), true, 0), true);
  assert.equal(mayWait(new CacheError('content-mismatch', 'wrong'), true, 0), false);
});
