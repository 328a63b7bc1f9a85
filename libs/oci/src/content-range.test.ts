import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatContentRange, parseContentRange } from './content-range.ts';

test('a range and its whole are written as the header has them', () => {
  assert.equal(formatContentRange({ start: 0, end: 9 }, 100), 'bytes 0-9/100');
  assert.equal(formatContentRange(undefined, 100), 'bytes */100');
});

test('what was written is read back', () => {
  for (const range of [{ start: 3, end: 3 }, { start: 0, end: 99 }, undefined])
    assert.deepEqual(parseContentRange(formatContentRange(range, 100)), { range, size: 100 });
});

test('a server may not know the size', () => {
  assert.deepEqual(parseContentRange('bytes 5-6/*'), { range: { start: 5, end: 6 }, size: undefined });
});

test('a malformed or impossible value is undefined', () => {
  assert.equal(parseContentRange(undefined), undefined);
  const values = [
    '',
    'bytes',
    'bytes */*',
    'bytes 0-9',
    'bytes 0-/10',
    'bytes -9/10',
    'bytes=0-9/10',
    'items 0-9/10',
    'bytes 9-0/10',
  ];
  values.push(
    'bytes 0-10/10',
    'bytes 0-9/10 ',
    'bytes 0-9/9007199254740992',
    'bytes 0-99999999999999999999/*',
    'bytes 0-9/0',
  );
  for (const value of values) assert.equal(parseContentRange(value), undefined, value);
});
