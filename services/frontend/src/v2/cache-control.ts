// What a client's `Cache-Control` asks of a cache (RFC 9111, 5.2.1). No container client sends it; people and scripts do.
import type { IncomingHttpHeaders } from 'node:http';
import type { FreshnessWish } from '@cistern/pull-through';

/** Directives that say nothing here, and `max-age` without a whole number, are ignored. */
export function freshnessWish(headers: IncomingHttpHeaders): FreshnessWish {
  const directives = (headers['cache-control'] ?? '')
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
