// Parses the parts of a 206 response, and enforces RFC 9110, section 14.6, and RFC 2046, section 5.1.1.
import assert from 'node:assert/strict';
import type { Answer } from '../src/send-request.ts';

export interface Part {
  readonly start: number;
  /** The last position of the range, inclusive. */
  readonly end: number;
  readonly size: number;
  readonly bytes: Buffer;
}

const contentRange = /^bytes (\d+)-(\d+)\/(\d+)$/;

/** Throws unless the response is a well-formed 206. */
export function partsOf({ status, headers, body }: Answer): Part[] {
  assert.equal(status, 206);
  const boundary = /^multipart\/byteranges; ?boundary="?([^"]+)"?$/.exec(headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) return [part(headers['content-range'], body)];
  assert.equal(headers['content-range'], undefined, 'a multipart response has its ranges in its parts');
  const parts: Part[] = [];
  let rest = body;
  for (let delimiter = Buffer.from(`--${boundary}`); ; delimiter = Buffer.from(`\r\n--${boundary}`)) {
    assert.ok(rest.subarray(0, delimiter.length).equals(delimiter), 'a part ends with a boundary');
    rest = rest.subarray(delimiter.length);
    if (rest.subarray(0, 2).toString() === '--') break;
    const headEnd = rest.indexOf('\r\n\r\n');
    const [empty, ...lines] = rest.subarray(0, headEnd).toString('latin1').split('\r\n');
    assert.equal(empty, '');
    const fields = new Map(lines.map((line) => line.toLowerCase().split(/: */, 2) as [string, string]));
    assert.ok(fields.has('content-type'));
    const value = fields.get('content-range');
    const [, start, end] = contentRange.exec(value ?? '') ?? [];
    const length = Number(end) - Number(start) + 1;
    parts.push(part(value, rest.subarray(headEnd + 4, headEnd + 4 + length)));
    rest = rest.subarray(headEnd + 4 + length);
  }
  assert.equal(rest.toString('latin1').trim(), '--', 'nothing follows the last boundary');
  return parts;
}

function part(value: string | undefined, bytes: Buffer): Part {
  const [, start, end, size] = contentRange.exec(value ?? '') ?? [];
  assert.ok(start !== undefined && end !== undefined && size !== undefined, `Content-Range: ${value}`);
  const found = { start: Number(start), end: Number(end), size: Number(size), bytes };
  assert.equal(bytes.length, found.end - found.start + 1);
  return found;
}
