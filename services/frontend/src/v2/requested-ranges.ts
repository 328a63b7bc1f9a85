// Which bytes of a manifest or blob a request is about.
import type { IncomingHttpHeaders } from 'node:http';
import { CacheError } from '@cistern/errors';
import { type ByteRange, type Digest, parseRangeHeader } from '@cistern/oci';
import { entityTag } from './if-none-match.ts';

/** Whether `Range` counts: an `If-Range` that is not our entity tag asks for the whole. */
export function hasRange(headers: IncomingHttpHeaders, digest: Digest): boolean {
  const ifRange = headers['if-range'];
  return headers.range !== undefined && (ifRange === undefined || ifRange === entityTag(digest));
}

/** `undefined`: the whole. Throws `range-unsatisfiable` when all of the ranges lie outside. */
export function requestedRanges(
  headers: IncomingHttpHeaders,
  digest: Digest,
  size: number,
): readonly ByteRange[] | undefined {
  if (!hasRange(headers, digest)) return undefined;
  const answer = parseRangeHeader(headers.range, size);
  if (answer.kind === 'unsatisfiable')
    throw new CacheError('range-unsatisfiable', `The requested range lies outside the ${size} bytes of the content.`, {
      detail: { size },
    });
  return answer.kind === 'ranges' ? answer.ranges : undefined;
}
