// Parses header fields and query parameters of requests: conditions (RFC 9110, section 13), ranges, and freshness (RFC 9111, 5.2.1).
import type { IncomingHttpHeaders } from 'node:http';
import { type Digest, type ByteRange, parseRangeHeader } from '@cistern/oci';
import { CacheError } from '@cistern/errors';
import type { FreshnessOptions } from '@cistern/pull-through';
import type { FastifyRequest } from 'fastify';

/** Returns whether `If-None-Match` has the entity tag of `digest`, weak or not, or is `*`. */
export function ifNoneMatch(header: string | undefined, digest: Digest): boolean {
  if (header === undefined) return false;
  return header.split(',').some((item) => {
    const tag = item.trim();
    const opaque = tag.startsWith('W/') ? tag.slice(2) : tag;
    // A digest without quotes is not an entity tag, but distribution accepts it too.
    return opaque === '*' || opaque === digest || opaque === entityTag(digest);
  });
}

/** Returns the entity tag, which is the quoted digest. */
export function entityTag(digest: Digest): string {
  return `"${digest}"`;
}

/**
 * Returns whether `Range` applies. It does not apply if `If-Range` has another entity tag, because the client then needs the
 * whole content.
 */
export function hasRange(headers: IncomingHttpHeaders, digest: Digest): boolean {
  const ifRange = headers['if-range'];
  return headers.range !== undefined && (ifRange === undefined || ifRange === entityTag(digest));
}

/**
 * Returns the requested ranges, or `undefined` for the whole content. Throws `range-unsatisfiable` if all ranges are outside the
 * content.
 */
export function requestedRanges(
  headers: IncomingHttpHeaders,
  digest: Digest,
  size: number,
): readonly ByteRange[] | undefined {
  if (!hasRange(headers, digest)) return undefined;
  const answer = parseRangeHeader(headers.range, size);
  if (answer.kind === 'unsatisfiable')
    throw new CacheError(
      'range-unsatisfiable',
      `The requested range is outside the content, which has ${size} bytes.`,
      {
        detail: { size },
      },
    );
  return answer.kind === 'ranges' ? answer.ranges : undefined;
}

const noOptions: FreshnessOptions = Object.freeze({ forceRevalidation: false });

/**
 * Parses a client's `Cache-Control`. No container client sends this header, but users and scripts do. Other directives are
 * ignored, and so is a `max-age` that is not a whole number. If the client is not allowed to force a revalidation, all directives
 * are ignored.
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

/**
 * Returns the first value of a query parameter; `undefined` if it is missing or empty. Fastify parses a repeated parameter to an
 * array.
 */
export function queryValue({ query }: FastifyRequest, name: string): string | undefined {
  const value = (query as Readonly<Record<string, string | string[] | undefined>>)[name];
  const first = Array.isArray(value) ? value[0] : value;
  return first === '' ? undefined : first;
}
