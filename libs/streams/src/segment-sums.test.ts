import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { bytesOf } from '@cistern/oci/testing';
import { SegmentSums } from './segment-sums.ts';

const segmentBytes = 100;

function tableOf(bytes: Buffer) {
  const crcs: number[] = [];
  for (let at = 0; at < bytes.length; at += segmentBytes) crcs.push(crc32(bytes.subarray(at, at + segmentBytes)));
  return { segmentBytes, crcs };
}

/** Adds `bytes` from `from` on, in pieces of these lengths. Some pieces are skipped, and some come with their checksum. */
function addAll(bytes: Buffer, from: number, pieces: readonly { length: number; how: 'add' | 'known' | 'skip' }[]) {
  const sums = new SegmentSums({ size: bytes.length, segmentBytes, from });
  let at = from;
  for (const { length, how } of [...pieces, { length: bytes.length, how: 'add' as const }]) {
    const piece = bytes.subarray(at, at + length);
    if (how === 'skip') sums.passOver(piece);
    else sums.add(piece, how === 'known' ? crc32(piece) : undefined);
    at += piece.length;
  }
  return sums;
}

const pieces = fc.array(
  fc.record({ length: fc.integer({ min: 1, max: 250 }), how: fc.constantFrom('add', 'known', 'skip') }),
  { maxLength: 12 },
);

test('bytes that arrive completely match their table, for any split', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 900 }), fc.nat(899), pieces, (size, start, cuts) => {
      const bytes = bytesOf(size, 3);
      return addAll(bytes, start % size, cuts).matches(tableOf(bytes));
    }),
  );
});

test('a flipped byte in a complete segment is detected', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 900 }), fc.nat(899), pieces, (size, flip, cuts) => {
      const bytes = bytesOf(size, 3);
      const table = tableOf(bytes);
      bytes[flip % size]! ^= 4;
      return !addAll(
        bytes,
        0,
        cuts.map(({ length, how }) => ({ length, how: how === 'skip' ? 'add' : how })),
      ).matches(table);
    }),
  );
});

test('a segment with skipped bytes is not compared, and the following ones are', () => {
  const bytes = bytesOf(300, 3);
  const table = tableOf(bytes);
  bytes[50]! ^= 1;
  assert.ok(addAll(bytes, 0, [{ length: 20, how: 'skip' }]).matches(table));
  bytes[150]! ^= 1;
  assert.ok(!addAll(bytes, 0, [{ length: 20, how: 'skip' }]).matches(table));
  assert.ok(addAll(bytes, 0, [{ length: 300, how: 'skip' }]).isEmpty);
});

test('skipped bytes complete a segment whose first bytes were added', () => {
  const bytes = bytesOf(300, 3);
  const table = tableOf(bytes);
  const sums = addAll(bytes, 0, [
    { length: 20, how: 'add' },
    { length: 280, how: 'skip' },
  ]);
  assert.ok(!sums.isEmpty);
  assert.ok(sums.matches(table));
  bytes[3]! ^= 1;
  assert.ok(
    !addAll(bytes, 0, [
      { length: 20, how: 'add' },
      { length: 280, how: 'skip' },
    ]).matches(table),
  );
});

test('a table with other segments does not match', () => {
  const bytes = bytesOf(300, 3);
  assert.ok(!addAll(bytes, 0, []).matches({ ...tableOf(bytes), segmentBytes: 50 }));
  assert.ok(!addAll(bytes, 0, []).matches({ segmentBytes, crcs: [] }));
});
