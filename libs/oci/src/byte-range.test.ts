import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ByteRange,
  groupNearRanges,
  parseRangeHeader,
  formatContentRange,
  parseContentRange,
  multipartByteranges,
} from './byte-range.ts';

const whole = { kind: 'whole' };
const unsatisfiable = { kind: 'unsatisfiable' };

function ascending(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index * 10}-${index * 10}`);
}

function ranges(...pairs: [number, number][]): unknown {
  return { kind: 'ranges', ranges: pairs.map(([start, end]): ByteRange => ({ start, end })) };
}

test('ranges are returned in the requested order', () => {
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
  ];
  for (const [header, size, expected] of cases) assert.deepEqual(parseRangeHeader(header, size), expected, header);
});

test('a range past the end is cut, and one that begins there is dropped if another is satisfiable', () => {
  assert.deepEqual(parseRangeHeader('bytes=90-200', 100), ranges([90, 99]));
  assert.deepEqual(parseRangeHeader('bytes=-500', 100), ranges([0, 99]));
  assert.deepEqual(parseRangeHeader('bytes=100-,0-1', 100), ranges([0, 1]));
  assert.deepEqual(parseRangeHeader('bytes=-0,0-1', 100), ranges([0, 1]));
});

test('a request without any satisfiable range is unsatisfiable', () => {
  for (const header of [
    'bytes=500-0',
    'bytes=0-1,5-4',
    'bytes=100-',
    'bytes=100-100',
    'bytes=-0',
    'bytes=-00',
    'bytes=100-200,300-400',
  ])
    assert.deepEqual(parseRangeHeader(header, 100), unsatisfiable, header);
});

test('integers of any length are compared without overflow', () => {
  const huge = '9'.repeat(400);
  assert.deepEqual(parseRangeHeader(`bytes=0-${huge}`, 100), ranges([0, 99]));
  assert.deepEqual(parseRangeHeader(`bytes=-${huge}`, 100), ranges([0, 99]));
  assert.deepEqual(parseRangeHeader(`bytes=${huge}-`, 100), unsatisfiable);
  assert.deepEqual(parseRangeHeader(`bytes=${huge}-${huge}`, 100), unsatisfiable);
  assert.deepEqual(parseRangeHeader('bytes=18446744073709551616-', 100), unsatisfiable);
  const size = Number.MAX_SAFE_INTEGER;
  assert.deepEqual(parseRangeHeader('bytes=9007199254740990-', size), ranges([size - 1, size - 1]));
});

test('a missing header, another unit and a malformed header return the whole blob', () => {
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
  headers.push('bytes=a-b', 'bytes=0', 'bytes=0-1-2', 'bytes=+1-2', 'bytes=1.5-2', 'bytes=0x1-2');
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

test('overlapping ranges return the whole blob', () => {
  assert.deepEqual(parseRangeHeader('bytes=0-49,50-99', 100), ranges([0, 49], [50, 99]));
  assert.deepEqual(parseRangeHeader('bytes=50-99,0-49', 100), ranges([50, 99], [0, 49]));
  assert.deepEqual(parseRangeHeader('bytes=0-50,50-99', 100), whole);
  assert.deepEqual(parseRangeHeader('bytes=0-5,3-8', 100), whole);
  assert.deepEqual(parseRangeHeader('bytes=7-8,0-1,-93', 100), whole);
  assert.deepEqual(parseRangeHeader('bytes=0-,0-', 100), whole);
});

test('many ranges are accepted only if one pass over the blob serves them', () => {
  const size = 1_000_000;
  const answered = (specs: string[]): number | string => {
    const answer = parseRangeHeader(`bytes=${specs.join(',')}`, size);
    return answer.kind === 'ranges' ? answer.ranges.length : answer.kind;
  };
  assert.equal(answered(ascending(1024)), 1024);
  assert.equal(answered(ascending(1025)), 'whole');
  assert.equal(answered(ascending(16).reverse()), 16);
  assert.equal(answered(ascending(17).reverse()), 'whole');
  assert.equal(answered([...ascending(16), '5-5']), 'whole', 'a step back');
  assert.equal(answered([...ascending(16), '150-160']), 'whole', 'an overlap');
  assert.equal(answered(Array.from({ length: 1025 }, () => `${size}-`)), 'whole', 'unsatisfiable ones count too');
});

function spreadRanges(count: number, length: number, gap: number): string {
  const specs = Array.from({ length: count }, (_, at) => `${at * (length + gap)}-${at * (length + gap) + length - 1}`);
  return parseRangeHeader(`bytes=${specs.join(',')}`, 1024 ** 3).kind;
}

test('ranges that need many reads are accepted only if each read returns enough bytes', () => {
  const kib = 1024;
  assert.equal(spreadRanges(1024, 1, 32 * kib), 'ranges', 'near each other');
  assert.equal(spreadRanges(1024, 1, 32 * kib + 1), 'whole');
  assert.equal(spreadRanges(128, 1, kib ** 2), 'ranges');
  assert.equal(spreadRanges(129, 1, kib ** 2), 'whole');
  assert.equal(spreadRanges(1000, 64 * kib, 500 * kib), 'ranges');
  assert.equal(spreadRanges(1000, 64 * kib - 1, 500 * kib), 'whole');
});

test('ranges that begin shortly after one another form a group', () => {
  const near = 32 * 1024;
  const a: ByteRange = { start: 0, end: 9 };
  const b: ByteRange = { start: 10, end: 19 };
  const c: ByteRange = { start: 20 + near, end: 99_999 };
  const d: ByteRange = { start: 100_001 + near, end: 200_000 };
  assert.deepEqual(groupNearRanges([a, b, c, d]), [[a, b, c], [d]]);
  assert.deepEqual(groupNearRanges([b, a]), [[b], [a]]);
  assert.deepEqual(groupNearRanges([]), []);
});

test('long hostile headers take linear time', () => {
  const began = process.cpuUsage();
  for (const unit of [',', ' ', '0', '-', '0-', '0-,', ' ,', '\t0-0\t,', '-0,', '0-0,'])
    for (const tail of ['!', '-!', ' -x', ',!'])
      assert.deepEqual(parseRangeHeader(`bytes=${unit.repeat(50_000)}${tail}`, 10), whole);
  // It takes well under a second. Quadratic time would take minutes.
  assert.ok(process.cpuUsage(began).user < 30_000_000);
});

test('a range and its whole size are formatted as in the header', () => {
  assert.equal(formatContentRange({ start: 0, end: 9 }, 100), 'bytes 0-9/100');
  assert.equal(formatContentRange(undefined, 100), 'bytes */100');
});

test('a formatted Content-Range is parsed back', () => {
  for (const range of [{ start: 3, end: 3 }, { start: 0, end: 99 }, undefined])
    assert.deepEqual(parseContentRange(formatContentRange(range, 100)), { range, size: 100 });
});

test('a Content-Range without a size is parsed', () => {
  assert.deepEqual(parseContentRange('bytes 5-6/*'), { range: { start: 5, end: 6 }, size: undefined });
});

test('a malformed or impossible value returns undefined', () => {
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

test('the multipart body matches RFC 9110, and has the stated length', () => {
  const blob = Buffer.from('0123456789');
  const several = [
    { start: 7, end: 9 },
    { start: 0, end: 0 },
  ];
  const multipart = multipartByteranges(several, blob.length, 'application/octet-stream', 'b0undary');
  const body = Buffer.concat([
    ...multipart.parts.flatMap(({ header, range }) => [header, blob.subarray(range.start, range.end + 1)]),
    multipart.end,
  ]);
  assert.equal(
    body.toString('latin1'),
    '--b0undary\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 7-9/10\r\n\r\n789\r\n' +
      '--b0undary\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes 0-0/10\r\n\r\n0\r\n' +
      '--b0undary--\r\n',
  );
  assert.equal(multipart.contentLength, body.length);
  assert.equal(multipart.contentType, 'multipart/byteranges; boundary=b0undary');
});

test('another parser splits the parts correctly', async () => {
  // fetch's form-data parser is the only multipart reader in Node. It requires a Content-Disposition, so the type contains one.
  const blob = Buffer.from('\r\n--b0undary\r\nnot a boundary of the answer');
  const type = 'text/plain\r\nContent-Disposition: form-data; name="part"';
  const multipart = multipartByteranges([{ start: 2, end: 14 }], blob.length, type, 'other');
  const body = Buffer.concat([multipart.parts[0]?.header ?? Buffer.alloc(0), blob.subarray(2, 15), multipart.end]);
  const response = new Response(body, { headers: { 'content-type': 'multipart/form-data; boundary=other' } });
  assert.equal((await response.formData()).get('part'), '--b0undary\r\nn');
});
