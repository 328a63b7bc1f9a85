import assert from 'node:assert/strict';
import test from 'node:test';
import { partSize } from './begin-s3-writer.ts';

const mebibyte = 1024 * 1024;

test('parts are 8 MiB at first, and large enough for 293 GiB in 10,000 of them', () => {
  assert.equal(partSize(1), 8 * mebibyte);
  assert.equal(partSize(2500), 8 * mebibyte);
  assert.equal(partSize(2501), 16 * mebibyte);
  let total = 0;
  for (let number = 1; number <= 10_000; number += 1) total += partSize(number);
  assert.ok(total > 292 * 1024 * mebibyte);
  assert.ok(partSize(10_000) <= 64 * mebibyte);
  assert.throws(() => partSize(10_001), RangeError);
});
