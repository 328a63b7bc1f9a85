import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leastSegmentBytes, segmentBytesOf, segmentCount } from './segments.ts';

const mebibyte = 1024 * 1024;

test('a blob has at most 10,000 equal segments of whole MiB', () => {
  const largest = leastSegmentBytes * 10_000;
  for (const size of [0, 1, leastSegmentBytes, largest]) assert.equal(segmentBytesOf(size), leastSegmentBytes);
  for (const size of [largest + 1, 500 * 1024 ** 3, 5 * 1024 ** 4]) {
    const segmentBytes = segmentBytesOf(size);
    assert.equal(segmentBytes % mebibyte, 0);
    assert.ok(segmentBytes > leastSegmentBytes && segmentCount(size, segmentBytes) <= 10_000, String(size));
  }
});

test('an empty blob has one segment', () => {
  assert.equal(segmentCount(0, leastSegmentBytes), 1);
  assert.equal(segmentCount(leastSegmentBytes, leastSegmentBytes), 1);
  assert.equal(segmentCount(leastSegmentBytes + 1, leastSegmentBytes), 2);
});
