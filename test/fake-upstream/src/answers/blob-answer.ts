// GET and HEAD of a blob, with one range (RFC 9110 section 14), ETag and If-Match. A request for several ranges gets
// the whole blob, as at many registries.
import type { IncomingHttpHeaders } from 'node:http';
import type { Body } from '../content/body.ts';
import { type Answer, answer, errorAnswer } from './answer.ts';

export interface BlobRequest {
  readonly digest: string;
  readonly body: Body | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Set by a fault: the response is 200 even for a range. */
  readonly ignoreRange: boolean;
}

export function blobAnswer({ digest, body, headers, ignoreRange }: BlobRequest): Answer {
  if (body === undefined) return errorAnswer(404, 'BLOB_UNKNOWN', 'blob unknown to registry');
  const etag = `"${digest}"`;
  if (headers['if-match'] !== undefined && !lists(headers['if-match'], etag)) return answer(412, { etag }, '');
  if (headers['if-none-match'] !== undefined && lists(headers['if-none-match'], etag)) return answer(304, { etag }, '');
  const common = {
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag,
  };
  const rangeApplies = !ignoreRange && (headers['if-range'] ?? etag) === etag;
  const range = rangeApplies ? parseRange(headers.range, body.size) : undefined;
  if (range === 'unsatisfiable') return answer(416, { 'content-range': `bytes */${body.size}` }, '');
  if (range === undefined) return { status: 200, headers: { ...common, 'content-length': String(body.size) }, body };
  return {
    status: 206,
    headers: {
      ...common,
      'content-length': String(range.endExclusive - range.start),
      'content-range': `bytes ${range.start}-${range.endExclusive - 1}/${body.size}`,
    },
    body,
    ...range,
  };
}

function lists(header: string, etag: string): boolean {
  return header === '*' || header.split(/\s*,\s*/).includes(etag);
}

function parseRange(
  header: string | undefined,
  size: number,
): { start: number; endExclusive: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const endExclusive = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  return start < endExclusive ? { start, endExclusive } : 'unsatisfiable';
}
