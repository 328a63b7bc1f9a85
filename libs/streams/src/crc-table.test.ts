import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { bytesOf } from '@cistern/oci/testing';
import { foldCrcTable, makeCrcTable } from './crc-table.ts';

function tableOf(bytes: Buffer, segmentBytes: number) {
  const count = Math.max(1, Math.ceil(bytes.length / segmentBytes));
  const segments = Array.from({ length: count }, (_, at) => bytes.subarray(at * segmentBytes, (at + 1) * segmentBytes));
  return { segmentBytes, crcs: segments.map((segment) => crc32(segment)) };
}

test('a table is the same for any split of its bytes', () => {
  for (const size of [0, 1, 99, 100, 101, 1000, 1050]) {
    const bytes = bytesOf(size);
    for (const step of [1, 7, 100, 250, 5000]) {
      const maker = makeCrcTable(size, 100);
      for (let at = 0; at < size; at += step) maker.update(bytes.subarray(at, at + step));
      assert.deepEqual(maker.table(), tableOf(bytes, 100), `${size} by ${step}`);
    }
  }
});

test('a table has a thousand segments at most, even if the fill had more', () => {
  for (const [size, segmentBytes] of [
    [10_000, 10],
    [10_001, 20],
    [25_007, 30],
  ] as const) {
    const bytes = bytesOf(size);
    const maker = makeCrcTable(size, 10);
    maker.update(bytes);
    const expected = tableOf(bytes, segmentBytes);
    assert.ok(expected.crcs.length <= 1000);
    assert.deepEqual(maker.table(), expected);
    assert.deepEqual(foldCrcTable(tableOf(bytes, 10), size), expected);
  }
});
