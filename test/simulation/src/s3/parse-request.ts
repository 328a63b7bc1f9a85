// Parses a request to S3 into a value. Buckets are in the path, and signatures are ignored.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface S3Request {
  readonly method: string;
  /** Empty for requests to the service itself. */
  readonly bucket: string;
  /** Empty for requests to the bucket itself. */
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

/**
 * Returns the bytes that a `Range` header selects. Undefined means all bytes, which also applies to an invalid header
 * (RFC 9110, 14.2).
 */
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
