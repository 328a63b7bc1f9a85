import assert from 'node:assert/strict';
import { test } from 'node:test';
import { periodBytes, Waits } from './waits.ts';

/**
 * Returns the readers that are removed after a period of 1 s. `waitedMs` is how long each reader waited. The window was
 * blocked all the time.
 */
function removedAfter(waitedMs: Readonly<Record<string, number>>): string[] {
  const readers = new Map(Object.keys(waitedMs).map((name) => [name, { name }]));
  const waits = new Waits<{ readonly name: string }>(0, 0);
  for (const reader of readers.values()) waits.join(reader, 0);
  waits.block(0);
  for (const [name, ms] of Object.entries(waitedMs)) if (ms > 0) waits.begin(readers.get(name)!, 1000 - ms);
  waits.unblock(1000);
  assert.deepEqual(waits.chunkRead(periodBytes - 1, 1000, 3), []);
  return waits.chunkRead(periodBytes, 1000, 3).map(({ name }) => name);
}

test('readers for which others wait most of the time are removed, however many they are', () => {
  assert.deepEqual(removedAfter({ fast: 900, slow: 0 }), ['slow']);
  assert.deepEqual(removedAfter({ fast: 900, slow: 0, medium: 500, slow2: 100 }), ['slow', 'slow2']);
});

test('readers that wait for each other in turn stay together', () => {
  assert.deepEqual(removedAfter({ one: 600, two: 0, three: 300 }), []);
  assert.deepEqual(removedAfter({ one: 700, two: 690 }), []);
});

test('a reader that joined in the second half of a period is judged after the next one', () => {
  const [early, late] = [{}, {}];
  const waits = new Waits<object>(100, 0);
  const nextPeriod = (sinceMs: number, head: number) => {
    waits.begin(early, sinceMs);
    waits.block(sinceMs);
    waits.unblock(sinceMs + 90);
    return waits.chunkRead(head, sinceMs + 100, 3);
  };
  waits.join(early, 100);
  waits.join(late, 100 + periodBytes / 2);
  assert.deepEqual(nextPeriod(0, 100 + periodBytes), []);
  assert.deepEqual(nextPeriod(100, 100 + periodBytes * 2), [late]);
});

test('only the time in which the window was blocked counts, and only that of readers in the window', () => {
  const [reader, slow, gone] = [{}, {}, {}];
  const waits = new Waits<object>(0, 0);
  for (const one of [reader, slow, gone]) waits.join(one, 0);
  waits.begin(gone, 0);
  waits.begin(reader, 0);
  waits.leave(gone);
  // It waits for the source for 600 ms, and for the slow reader for 400 ms.
  waits.block(600);
  waits.unblock(1000);
  assert.deepEqual(waits.chunkRead(periodBytes, 1000, 3), []);
  waits.begin(reader, 1000);
  waits.block(1000);
  // Not blocked a second time.
  waits.block(1500);
  waits.unblock(1700);
  waits.unblock(2000);
  assert.deepEqual(waits.chunkRead(periodBytes * 2, 2000, 3), [slow]);
});

test('a reader is not removed for waits from before it joined', () => {
  const [reader, late] = [{}, {}];
  const waits = new Waits<object>(0, 0);
  waits.join(reader, 0);
  waits.begin(reader, 0);
  waits.block(0);
  waits.unblock(900);
  waits.join(late, 1);
  assert.deepEqual(waits.chunkRead(periodBytes, 1000, 3), []);
});
