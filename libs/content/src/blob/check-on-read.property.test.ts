// A checked read never returns a wrong part to its end, for any damage and any way to read.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCacheError } from '@cistern/errors';
import { digestOf } from '@cistern/oci';
import { bytesOf } from '@cistern/oci/testing';
import { makeCrcTable, SourceInterrupted, type SourceReader } from '@cistern/streams';
import fc from 'fast-check';
import { checkByDigest, checkByTable, checkOnRead } from './check-on-read.ts';

const blob = bytesOf(3000);

/** Reads `stored` from `at`. The lengths of the reads are `steps` in turn. */
function readerOf(stored: Buffer, at: number, toExclusive: number, steps: readonly number[]): SourceReader {
  let position = at;
  let turn = 0;
  return {
    async read(into) {
      const length = Math.min(into.length, steps[turn++ % steps.length]!, toExclusive - position);
      stored.copy(into, 0, position, position + length);
      position += length;
      return length;
    },
    close: async () => {},
  };
}

const cases = fc
  .record({
    size: fc.integer({ min: 1, max: blob.length }),
    segmentBytes: fc.integer({ min: 1, max: 1200 }),
    flips: fc.array(fc.record({ at: fc.nat(), bits: fc.integer({ min: 1, max: 255 }) }), { maxLength: 3 }),
    steps: fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 }),
    buffers: fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 5 }),
    place: fc.option(fc.record({ from: fc.nat(), length: fc.nat() }), { nil: undefined }),
    byTable: fc.boolean(),
  })
  .map(({ size, place, byTable, ...others }) => {
    const from = place === undefined ? 0 : place.from % size;
    const toExclusive = place === undefined ? size : from + 1 + (place.length % (size - from));
    // Only whole reads are hashed while they are read.
    return { size, from, toExclusive, byTable: byTable || from > 0 || toExclusive < size, ...others };
  });

test('a checked read withholds the end of a wrong part, and returns all right bytes', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ size, segmentBytes, flips, steps, buffers, from, toExclusive, byTable }) => {
      const right = blob.subarray(0, size);
      const maker = makeCrcTable(size, segmentBytes);
      maker.update(right);
      const table = maker.table();
      const stored = Buffer.from(right);
      for (const { at, bits } of flips) stored[at % size]! ^= bits;
      const start = byTable ? from - (from % table.segmentBytes) : 0;
      const check = byTable ? checkByTable(table, size, start) : checkByDigest(digestOf(right), size, segmentBytes);
      const outcome = { right: 0, wrong: [] as boolean[] };
      const { read } = checkOnRead({
        reader: readerOf(stored, start, toExclusive, steps),
        check,
        digest: digestOf(right),
        start,
        from,
        toExclusive,
        onRight: async () => void (outcome.right += 1),
        onWrong: async (hasReturned) => void outcome.wrong.push(hasReturned),
      });
      let position = from;
      let error: unknown;
      try {
        for (let turn = 0; ; turn += 1) {
          const into = Buffer.alloc(buffers[turn % buffers.length]!);
          const length = await read(into);
          if (length === 0) break;
          assert.ok(into.subarray(0, length).equals(stored.subarray(position, position + length)));
          position += length;
        }
      } catch (thrown) {
        error = thrown;
      }
      const partBytes = byTable ? table.segmentBytes : size;
      const endOf = (at: number) => Math.min(size, (Math.floor(at / partBytes) + 1) * partBytes);
      // A part that the range cuts at its end is not checked.
      const wrong = [...right.keys()].find((at) => at >= start && stored[at] !== right[at] && endOf(at) <= toExclusive);
      if (wrong === undefined) {
        assert.equal(error, undefined);
        assert.deepEqual([position, outcome], [toExclusive, { right: 1, wrong: [] }]);
        if (from === 0 && toExclusive === size) assert.deepEqual(check.table(), table);
        return;
      }
      assert.ok(position < endOf(wrong), 'the end of the wrong part was returned');
      const hasReturned = position > Math.max(from, Math.floor(wrong / partBytes) * partBytes);
      assert.deepEqual(outcome, { right: 0, wrong: [hasReturned] });
      assert.ok(hasReturned ? isCacheError(error, 'content-mismatch') : error instanceof SourceInterrupted);
    }),
  );
});
