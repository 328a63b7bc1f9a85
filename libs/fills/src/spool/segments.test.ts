import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { segmentCount } from '@cistern/oci';
import { bytesOf } from '@cistern/oci/testing';
import { createMemoryFiles } from '../testing/memory-files.ts';
import { createSegments } from './segments.ts';
import { openSpoolFiles } from './spool-files.ts';

const segmentBytes = 10;

function startSegments(size: number, hasSha256 = false) {
  const files = createMemoryFiles();
  return { files, segments: createSegments({ size, segmentBytes, files, hasSha256 }) };
}

function slicesOf(bytes: Buffer): Buffer[] {
  return Array.from({ length: segmentCount(bytes.length, segmentBytes) }, (_, at) =>
    bytes.subarray(at * segmentBytes, (at + 1) * segmentBytes),
  );
}

const tableOf = (bytes: Buffer) => ({ segmentBytes, crcs: slicesOf(bytes).map((slice) => crc32(slice)) });

test('segments are equal except the last, and complete when their bytes have arrived', async () => {
  const { segments } = startSegments(25);
  assert.deepEqual(
    [...segments].map(({ start, end }) => [start, end]),
    [
      [0, 10],
      [10, 20],
      [20, 25],
    ],
  );
  assert.equal(segments.presentEnd(20), 20);
  await segments.append(20, [Buffer.from('abc')]);
  assert.equal(segments.presentEnd(20), 23);
  assert.equal(segments.presentEnd(22), 23);
  assert.equal(segments.presentEnd(24), 24);
  assert.equal(segments.at(2).isComplete, false);
  await segments.append(23, [Buffer.from('d'), Buffer.from('e')]);
  assert.ok(segments.at(2).isComplete);
  assert.equal(segments.holding(24).index, 2);
  assert.equal(segments.presentEnd(25), 25);
  assert.equal(segments.fetchedBytes, 5);
  const into = Buffer.alloc(10);
  assert.equal(into.subarray(0, await segments.read(21, into)).toString(), 'bcde');
});

test('bytes of a segment are appended once, in order, and end within it', async () => {
  const { segments } = startSegments(25);
  await segments.append(0, [Buffer.from('abc')]);
  for (const offset of [0, 2, 4, 11]) await assert.rejects(segments.append(offset, [Buffer.from('x')]), /order/);
  await assert.rejects(segments.append(3, [Buffer.alloc(8)]), /order/);
  assert.equal(segments.fetchedBytes, 3);
});

test('an empty blob has one complete segment', () => {
  const { segments } = startSegments(0, true);
  assert.equal(segments.count, 1);
  assert.ok(segments.at(0).isComplete);
  assert.deepEqual(segments.table, { segmentBytes, crcs: [0] });
});

test('a freed segment returns its space once, and its bytes are no longer present', async () => {
  const { files, segments } = startSegments(25);
  await segments.append(0, [bytesOf(10)]);
  await segments.append(10, [bytesOf(4)]);
  let released = 0;
  const segment = segments.at(0);
  segment.release = () => (released += 1);
  await segments.free(segment);
  assert.ok(segment.isFreed && segment.isComplete);
  assert.equal(released, 1);
  assert.equal(segment.release, undefined);
  assert.equal(segments.presentEnd(3), 3);
  assert.equal(segments.onDiskBytes, 4);
  assert.equal(segments.fetchedBytes, 14);
  assert.deepEqual([...files.held], [1]);
  await assert.rejects(segments.read(3, Buffer.alloc(1)));
  await segments.free(segment);
  assert.equal(released, 1);
  assert.equal(segments.onDiskBytes, 4);
});

for (const size of [0, 1, 9, 10, 11, 20, 25])
  test(`a blob of unknown size ends where its bytes end: ${size}`, async () => {
    const bytes = bytesOf(size);
    const { segments } = startSegments(1_000, true);
    // A reader has already accessed segments beyond the end.
    segments.at(5);
    for (const [at, slice] of slicesOf(bytes).entries()) await segments.append(at * segmentBytes, [slice]);
    segments.endAt(size);
    assert.equal(segments.size, size);
    assert.equal(segments.count, segmentCount(size, segmentBytes));
    assert.ok([...segments].every(({ isComplete }) => isComplete));
    assert.deepEqual(segments.table, tableOf(bytes));
    assert.equal(segments.at(0).sha256, sha256(slicesOf(bytes)[0]!));
    assert.equal(segments.presentEnd(0), Math.min(size, segmentBytes));
  });

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

test('with any split into segments and chunks, the table, each SHA-256 and the bytes read back are right', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 95 }),
      fc.array(fc.record({ segment: fc.nat(9), lengths: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 3 }) })),
      fc.boolean(),
      async (size, steps, isOneFile) => {
        const bytes = bytesOf(size, size);
        const directory = await mkdtemp(join(tmpdir(), 'cistern-segments-'));
        const files = openSpoolFiles({ path: join(directory, 'a'), isOneFile, segmentBytes });
        const segments = createSegments({ size, segmentBytes, files, hasSha256: true });
        const rest = Array.from({ length: 10 }, (_, segment) => ({ segment, lengths: [10] }));
        for (const { segment: index, lengths } of [...steps, ...rest]) {
          if (index >= segments.count || segments.at(index).isComplete) continue;
          const segment = segments.at(index);
          const chunks: Buffer[] = [];
          const from = segment.start + segment.filled;
          let at = from;
          for (const length of lengths) {
            chunks.push(bytes.subarray(at, Math.min(segment.end, at + length)));
            at = Math.min(segment.end, at + length);
          }
          await segments.append(from, chunks);
        }
        assert.deepEqual(segments.table, tableOf(bytes));
        assert.deepEqual(
          [...segments].map((segment) => segment.sha256),
          slicesOf(bytes).map(sha256),
        );
        const into = Buffer.alloc(100);
        for (let at = 0; at < size; at += 7) {
          const length = await segments.read(at, into);
          assert.ok(into.subarray(0, length).equals(bytes.subarray(at, Math.min(size, at - (at % 10) + 10))));
        }
        await files.close();
        assert.deepEqual(await readdir(directory), []);
        await rm(directory, { recursive: true });
      },
    ),
    { numRuns: 50 },
  );
});
