import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration } from './format-duration.ts';

test('a duration is told in one unit', () => {
  const minute = 60_000;
  const told = [-5, 900, 119_000, 2 * minute, 119 * minute, 120 * minute, 47 * 60 * minute, 100 * 60 * minute];
  assert.deepEqual(told.map(formatDuration), ['0 s', '1 s', '119 s', '2 min', '119 min', '2 h', '47 h', '4 days']);
});
