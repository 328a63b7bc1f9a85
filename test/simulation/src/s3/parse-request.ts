// A request to S3 as a value. Buckets are in the path; signatures are not read.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface S3Request {
  readonly method: string;
  /** Empty: the service itself. */
  readonly bucket: string;
  /** Empty: the bucket itself. */
  readonly key: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
}

export function parseRequest({ method = '', url = '/', headers }: IncomingMessage): S3Request {
  const { pathname, searchParams } = new URL(url, 'http://s3');
  const [, bucket = '', ...key] = pathname.split('/');
  return { method, bucket, key: decodeURIComponent(key.join('/')), query: searchParams, headers };
}

export interface Interval {
  readonly start: number;
  readonly endExclusive: number;
}

/** The bytes that a `Range` header selects. `undefined`: all of them, also if the header makes no sense (RFC 9110, 14.2). */
export function parseRange(header: string | undefined, size: number): Interval | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === undefined || last === undefined || first + last === '') return undefined;
  if (first === '') {
    if (Number(last) === 0 || size === 0) return 'unsatisfiable';
    return { start: Math.max(0, size - Number(last)), endExclusive: size };
  }
  if (last !== '' && Number(last) < Number(first)) return undefined;
  if (Number(first) >= size) return 'unsatisfiable';
  return { start: Number(first), endExclusive: last === '' ? size : Math.min(size, Number(last) + 1) };
}
