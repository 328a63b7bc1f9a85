// What the header fields and the query of a request ask for: conditions (RFC 9110, section 13), ranges, freshness (RFC 9111,
// 5.2.1).
import type { IncomingHttpHeaders } from 'node:http';
import { type Digest, type ByteRange, parseRangeHeader } from '@cistern/oci';
import { CacheError } from '@cistern/errors';
import type { FreshnessOptions } from '@cistern/pull-through';
import type { FastifyRequest } from 'fastify';

/** Whether one of the `If-None-Match` header's tags, weak or not, is that of `digest`, or the header is `*`. */
export function ifNoneMatch(header: string | undefined, digest: Digest): boolean {
  if (header === undefined) return false;
  return header.split(',').some((item) => {
    const tag = item.trim();
    const opaque = tag.startsWith('W/') ? tag.slice(2) : tag;
    // Bare digests are no entity tags, but distribution takes them too.
    return opaque === '*' || opaque === digest || opaque === entityTag(digest);
  });
}

/** The only entity tag here is the quoted digest. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/** Whether `Range` counts: an `If-Range` that is not our entity tag asks for the whole. */
export function hasRange(headers: IncomingHttpHeaders, digest: Digest): boolean {
  const ifRange = headers['if-range'];
  return headers.range !== undefined && (ifRange === undefined || ifRange === entityTag(digest));
}

/** `undefined`: the whole. Throws `range-unsatisfiable` when there is nothing in any of the ranges. */
export function requestedRanges(
  headers: IncomingHttpHeaders,
  digest: Digest,
  size: number,
): readonly ByteRange[] | undefined {
  if (!hasRange(headers, digest)) return undefined;
  const answer = parseRangeHeader(headers.range, size);
  if (answer.kind === 'unsatisfiable')
    throw new CacheError('range-unsatisfiable', `The content has ${size} bytes, and none of the requested range.`, {
      detail: { size },
    });
  return answer.kind === 'ranges' ? answer.ranges : undefined;
}

const noOptions: FreshnessOptions = Object.freeze({ forceRevalidation: false });

/**
 * What a client's `Cache-Control` asks of a cache. No container client sends it; people and scripts do. Directives that say nothing
 * here, and `max-age` without a whole number, are ignored; so are all directives of a client that may not revalidate.
 */
export function freshnessOptions(
  { mayRevalidate }: { readonly mayRevalidate: (clientIp: string) => boolean },
  { headers, ip }: Pick<FastifyRequest, 'headers' | 'ip'>,
): FreshnessOptions {
  if (headers['cache-control'] === undefined || !mayRevalidate(ip)) return noOptions;
  const directives = headers['cache-control']
    .toLowerCase()
    .split(',')
    .map((directive) => directive.trim());
  const seconds = directives
    .map((directive) => /^max-age="?(\d{1,9})"?$/.exec(directive)?.[1])
    .find((age) => age !== undefined);
  return {
    forceRevalidation: directives.includes('no-cache'),
    ...(seconds !== undefined && { maxAgeMs: Number(seconds) * 1000 }),
  };
}

/** The first value of a query parameter, which Fastify parses to an array if it is repeated. `undefined`: missing or empty. */
export function queryValue({ query }: FastifyRequest, name: string): string | undefined {
  const value = (query as Readonly<Record<string, string | string[] | undefined>>)[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first === '' ? undefined : first;
}
