import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ByteRange, parseRangeHeader } from './byte-range.ts';

const whole = { kind: 'whole' };
const unsatisfiable = { kind: 'unsatisfiable' };

function ascending(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index * 10}-${index * 10}`);
}

function ranges(...pairs: [number, number][]): unknown {
  return { kind: 'ranges', ranges: pairs.map(([start, end]): ByteRange => ({ start, end })) };
}

test('ranges are answered in the order asked for', () => {
  const cases: [string, number, unknown][] = [
    ['bytes=0-9', 100, ranges([0, 9])],
    ['bytes=0-0', 1, ranges([0, 0])],
    ['bytes=0-', 100, ranges([0, 99])],
    ['bytes=99-', 100, ranges([99, 99])],
    ['bytes=-10', 100, ranges([90, 99])],
    ['bytes=-100', 100, ranges([0, 99])],
    ['BYTES=0-1', 100, ranges([0, 1])],
    ['bytes=007-0008', 100, ranges([7, 8])],
    ['bytes=0-1,5-6', 100, ranges([0, 1], [5, 6])],
    ['bytes=50-59, 0-9 ,\t-1', 100, ranges([50, 59], [0, 9], [99, 99])],
    ['bytes=,0-1,, ,5-6,', 100, ranges([0, 1], [5, 6])],
    ['bytes=0-5,3-8', 100, ranges([0, 5], [3, 8])],
  ];
  for (const [header, size, expected] of cases) assert.deepEqual(parseRangeHeader(header, size), expected, header);
});

test('a range that passes the end is cut, and one that begins there is dropped if another can be had', () => {
  assert.deepEqual(parseRangeHeader('bytes=90-200', 100), ranges([90, 99]));
  assert.deepEqual(parseRangeHeader('bytes=-500', 100), ranges([0, 99]));
  assert.deepEqual(parseRangeHeader('bytes=100-,0-1', 100), ranges([0, 1]));
  assert.deepEqual(parseRangeHeader('bytes=-0,0-1', 100), ranges([0, 1]));
});

test('a request of which nothing can be had is unsatisfiable', () => {
  for (const header of ['bytes=100-', 'bytes=100-100', 'bytes=-0', 'bytes=-00', 'bytes=100-200,300-400'])
    assert.deepEqual(parseRangeHeader(header, 100), unsatisfiable, header);
});

test('integers of any length are compared, not wrapped', () => {
  const huge = '9'.repeat(400);
  assert.deepEqual(parseRangeHeader(`bytes=0-${huge}`, 100), ranges([0, 99]));
  assert.deepEqual(parseRangeHeader(`bytes=-${huge}`, 100), ranges([0, 99]));
  assert.deepEqual(parseRangeHeader(`bytes=${huge}-`, 100), unsatisfiable);
  assert.deepEqual(parseRangeHeader(`bytes=${huge}-${huge}`, 100), unsatisfiable);
  assert.deepEqual(parseRangeHeader('bytes=18446744073709551616-', 100), unsatisfiable);
  const size = Number.MAX_SAFE_INTEGER;
  assert.deepEqual(parseRangeHeader('bytes=9007199254740990-', size), ranges([size - 1, size - 1]));
});

test('no header, another unit and a malformed header mean the whole blob', () => {
  assert.deepEqual(parseRangeHeader(undefined, 100), whole);
  const headers = [
    '',
    'bytes',
    'bytes=',
    'bytes=,',
    'bytes= ',
    'items=0-1',
    'bytes 0-1',
    'bytes:0-1',
    'bytes =0-1',
    'bytes=-',
  ];
  headers.push(
    'bytes=5-4',
    'bytes=0-1,5-4',
    'bytes=a-b',
    'bytes=0',
    'bytes=0-1-2',
    'bytes=+1-2',
    'bytes=1.5-2',
    'bytes=0x1-2',
  );
  headers.push(
    'bytes=--1',
    'bytes=0 - 1',
    'bytes=0-1;2-3',
    'bytes=0-1,x',
    'bytes=1e3-',
    'bytes=\u00a00-1',
    'bytes=٣-٤',
    'xbytes=0-1',
  );
  for (const header of headers) assert.deepEqual(parseRangeHeader(header, 100), whole, header);
});

test('an empty blob is always sent whole', () => {
  for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-5', 'bytes=-0', 'bytes=7-'])
    assert.deepEqual(parseRangeHeader(header, 0), whole, header);
});

test('ranges that add up to more than the blob are refused', () => {
  assert.deepEqual(parseRangeHeader('bytes=0-49,50-99', 100), ranges([0, 49], [50, 99]));
  assert.deepEqual(parseRangeHeader('bytes=0-50,50-99', 100), whole);
  assert.deepEqual(parseRangeHeader('bytes=0-,0-', 100), whole);
});

test('many ranges are answered only if one pass over the blob serves them', () => {
  const size = 1_000_000;
  const answered = (specs: string[]): number | string => {
    const answer = parseRangeHeader(`bytes=${specs.join(',')}`, size);
    return answer.kind === 'ranges' ? answer.ranges.length : answer.kind;
  };
  assert.equal(answered(ascending(1024)), 1024);
  assert.equal(answered(ascending(1025)), 'whole');
  assert.equal(answered(ascending(32).reverse()), 32);
  assert.equal(answered(ascending(33).reverse()), 'whole');
  assert.equal(answered([...ascending(32), '0-0']), 'whole', 'a step back');
  assert.equal(answered([...ascending(32), '310-320']), 'whole', 'an overlap');
  assert.equal(answered(Array.from({ length: 1025 }, () => `${size}-`)), 'whole', 'unsatisfiable ones count too');
});

test('long hostile headers take linear time', () => {
  const began = process.cpuUsage();
  for (const unit of [',', ' ', '0', '-', '0-', '0-,', ' ,', '\t0-0\t,', '-0,', '0-0,'])
    for (const tail of ['!', '-!', ' -x', ',!'])
      assert.deepEqual(parseRangeHeader(`bytes=${unit.repeat(50_000)}${tail}`, 10), whole);
  // Well under a second; by the square of its length it would be minutes.
  assert.ok(process.cpuUsage(began).user < 30_000_000);
});
