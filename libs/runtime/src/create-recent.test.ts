import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecent } from './create-recent.ts';

test('entries stay until they expire or newer ones replace them', () => {
  let nowMs = 1;
  const recent = createRecent<string, number>({ max: 2, ttlMs: 1_000, now: () => nowMs });
  assert.deepEqual([recent.get('a'), recent.has('a'), recent.delete('a')], [undefined, false, false]);
  recent.set('a', 1);
  recent.set('b', 2);
  assert.deepEqual([recent.get('a'), recent.has('b')], [1, true]);
  recent.set('c', 3);
  assert.deepEqual([recent.get('a'), recent.get('b'), recent.get('c')], [1, undefined, 3]);
  assert.deepEqual([recent.delete('a'), recent.has('a')], [true, false]);
  nowMs = 1_002;
  assert.equal(recent.has('c'), false);
});

test('entries without a time to live do not expire', () => {
  let nowMs = 0;
  const recent = createRecent<string, true>({ max: 2, now: () => nowMs });
  recent.set('a', true);
  nowMs = 1e9;
  assert.equal(recent.has('a'), true);
});
