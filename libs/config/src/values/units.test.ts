import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, parseSize } from './units.ts';

test('parseDuration reads durations in the notation of Go', () => {
  const expected: [string, number][] = [
    ['0', 0],
    ['0s', 0],
    ['500ms', 500],
    ['1h30m', 5_400_000],
    ['168h', 604_800_000],
    ['1.5s', 1500],
    ['2m3s4ms', 123_004],
    ['300us', 0],
    ['10000000000', 10_000],
  ];
  for (const [text, ms] of expected) assert.equal(parseDuration(text), ms, text);
});

test('parseDuration rejects probable mistakes and shows the right notation', () => {
  for (const text of ['', '60', '1 h', '1d', '-1s', 's', '1h30', 'forever', '999999'])
    assert.throws(() => parseDuration(text), /for example 500ms, 30s/, text);
  assert.throws(() => parseDuration(`${'9'.repeat(30)}h`), /too long/);
});

test('parseSize reads units in powers of 1000 and 1024', () => {
  const expected: [string, number][] = [
    ['0', 0],
    ['1048576', 1_048_576],
    ['20GiB', 20 * 1024 ** 3],
    ['500MB', 500_000_000],
    ['1.5 KiB', 1536],
    ['2tib', 2 * 1024 ** 4],
  ];
  for (const [text, bytes] of expected) assert.equal(parseSize(text), bytes, text);
});

test('parseSize rejects invalid sizes', () => {
  for (const text of ['', 'GiB', '-1', '20G', '1e9', '9999999TB'])
    assert.throws(() => parseSize(text), /is not a size/, text);
});
