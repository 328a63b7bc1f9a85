import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes } from './format-bytes.ts';

test('bytes are told with the digits that matter', () => {
  const told = [0, 999, 1000, 12_345, 123_456_789, 1_500_000_000, 4e15].map(formatBytes);
  assert.deepEqual(told, ['0 bytes', '999 bytes', '1.00 kB', '12.3 kB', '123 MB', '1.50 GB', '4000 TB']);
});
