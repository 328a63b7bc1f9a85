import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createIntervals } from './spool.ts';

test('agrees with a bit map under random additions', () => {
  let state = 7;
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 300; round += 1) {
    const size = 60;
    const map = Array.from({ length: size }, () => false);
    const intervals = createIntervals();
    for (let step = 0; step < 12; step += 1) {
      const start = random(size);
      const end = Math.min(size, start + random(15));
      intervals.add(start, end);
      map.fill(true, start, Math.max(start, end));
      const from = random(size);
      const to = from + random(size - from + 1);
      let runEnd = from;
      while (map[runEnd] === true) runEnd += 1;
      assert.equal(intervals.runEnd(from), runEnd);
      let gapStart = from;
      while (gapStart < to && map[gapStart] === true) gapStart += 1;
      let gapEnd = gapStart;
      while (gapEnd < to && map[gapEnd] === false) gapEnd += 1;
      assert.deepEqual(
        intervals.firstGap(from, to),
        gapStart < to ? { start: gapStart, endExclusive: gapEnd } : undefined,
      );
      assert.equal(intervals.covered, map.filter(Boolean).length);
    }
  }
});
