// Lists Range headers at every edge of RFC 9110, section 14, with the expected response of each.
import assert from 'node:assert/strict';
import type { Answer } from '../src/send-request.ts';
import { partsOf } from './parse-byteranges.ts';

export const size = 300_000;
const last = size - 1;

/** `whole` means status 200, and `none` means 416. A list means 206 with these inclusive ranges in this order. */
export type Expected = 'whole' | 'none' | readonly (readonly [start: number, end: number])[];

const tens = Array.from({ length: 200 }, (_, number) => [number * 1000, number * 1000 + 9] as const);

export const edgeCases: readonly (readonly [range: string, expected: Expected])[] = [
  ['bytes=0-', [[0, last]]],
  ['bytes=0-0', [[0, 0]]],
  ['bytes=0-1', [[0, 1]]],
  [`bytes=0-${last}`, [[0, last]]],
  ['bytes=65535-65536', [[65_535, 65_536]]],
  [`bytes=${last}-`, [[last, last]]],
  [`bytes=${last}-${last}`, [[last, last]]],
  ['bytes=-1', [[last, last]]],
  [`bytes=-${last}`, [[1, last]]],
  [`bytes=-${size}`, [[0, last]]],
  [`bytes=-${size + 1000}`, [[0, last]]],
  [`bytes=5-${size + 5}`, [[5, last]]],
  ['bytes=5-99999999999999999999', [[5, last]]],
  ['BYTES=0-9', [[0, 9]]],
  [`bytes=${size}-`, 'none'],
  [`bytes=${size + 5}-${size + 9}`, 'none'],
  ['bytes=-0', 'none'],
  [`bytes=${size}-,-0`, 'none'],
  ['bytes=5-4', 'none'],
  ['bytes=', 'whole'],
  ['bytes=-', 'whole'],
  ['bytes=a-b', 'whole'],
  ['bytes=0-9,b', 'whole'],
  ['lines=0-9', 'whole'],
  [
    'bytes=0-9 , 20-29',
    [
      [0, 9],
      [20, 29],
    ],
  ],
  ['bytes=,0-9,,', [[0, 9]]],
  [
    'bytes=0-0,-1',
    [
      [0, 0],
      [last, last],
    ],
  ],
  [
    'bytes=0-99,100-199',
    [
      [0, 99],
      [100, 199],
    ],
  ],
  [
    'bytes=10-19,0-9',
    [
      [10, 19],
      [0, 9],
    ],
  ],
  [`bytes=0-9,${size}-`, [[0, 9]]],
  [
    `bytes=0-9,${last}-,100000-100001`,
    [
      [0, 9],
      [last, last],
      [100_000, 100_001],
    ],
  ],
  [`bytes=${tens.map(([start, end]) => `${start}-${end}`).join(',')}`, tens],
  // Servers protect themselves against overlapping ranges, and against many ranges in random order (RFC 9110, section
  // 17.15).
  ['bytes=0-9,5-14', 'whole'],
  ['bytes=5-14,0-9', 'whole'],
  ['bytes=0-9,0-9', 'whole'],
  ['bytes=0-,0-,0-', 'whole'],
  [
    `bytes=${tens
      .toReversed()
      .map(([start, end]) => `${start}-${end}`)
      .join(',')}`,
    'whole',
  ],
];

/** Asserts the status of a response, and compares its bytes with those of the blob. */
export function assertAnswer(answer: Answer, blob: Buffer, expected: Expected): void {
  const { status, headers, body, complete } = answer;
  assert.ok(complete);
  assert.equal(headers['transfer-encoding'], undefined);
  assert.equal(Number(headers['content-length']), body.length);
  if (expected === 'none') {
    assert.equal(status, 416);
    assert.equal(headers['content-range'], `bytes */${blob.length}`);
    return;
  }
  assert.equal(headers['accept-ranges'], 'bytes');
  if (expected === 'whole') {
    assert.equal(status, 200);
    assert.equal(headers['content-range'], undefined);
    assert.ok(body.equals(blob));
    return;
  }
  const parts = partsOf(answer);
  assert.deepEqual(
    parts.map(({ start, end }) => [start, end]),
    expected,
  );
  for (const { start, end, size: total, bytes } of parts) {
    assert.equal(total, blob.length);
    assert.ok(bytes.equals(blob.subarray(start, end + 1)), `bytes ${start}-${end}`);
  }
}

/** Shortens a range for test names. */
export function shorten(range: string): string {
  return range.length > 50 ? `${range.slice(0, 50)}…` : range;
}
