import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatDuration, formatTable } from './format.ts';

test('formatBytes keeps three significant digits', () => {
  const texts = [0, 999, 1000, 12_345, 123_456_789, 1_500_000_000, 4e15].map(formatBytes);
  assert.deepEqual(texts, ['0 bytes', '999 bytes', '1.00 kB', '12.3 kB', '123 MB', '1.50 GB', '4000 TB']);
});

test('formatDuration uses one unit', () => {
  const minute = 60_000;
  const texts = [-5, 900, 119_000, 2 * minute, 119 * minute, 120 * minute, 47 * 60 * minute, 100 * 60 * minute];
  assert.deepEqual(texts.map(formatDuration), ['0 s', '1 s', '119 s', '2 min', '119 min', '2 h', '47 h', '4 days']);
});

test('columns fit their widest cell, numbers are right-aligned, and cells contain no control characters', () => {
  const columns = ['NODE', { numeric: 'BYTES' }, 'STATE'];
  assert.equal(
    formatTable(columns, [
      ['worker-1', '7', 'ok'],
      ['w\u001B[2J2', '123456', ''],
    ]),
    'NODE       BYTES  STATE\nworker-1       7  ok\nw[2J2     123456\n',
  );
  assert.equal(formatTable(columns, []), '');
});
